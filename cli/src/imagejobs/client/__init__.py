"""What `imagejobs resize` does at a server: send pictures, wait for the results, save them."""
