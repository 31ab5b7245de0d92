// Builds the page into the API's package, which packs it into its wheel and image.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../api/src/imagejobs_api/page/site",
    emptyOutDir: true,
    // The page's policy allows scripts and pictures of its own address only: nothing may become a data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
