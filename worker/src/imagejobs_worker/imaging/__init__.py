"""Turns the bytes of one image into the requested results. Knows nothing of S3, Redis or jobs.

| value | meaning | made by |
|---|---|---|
| `source.Opened` | a file with its header read, within the limits, not decoded | `decode.open_image` |
| `source.Source` | one image in work: bytes, `Opened`, metadata, size, loop count | `pipeline.render` |
| `picture.Picture` | one encoded result of one variant | `variants.render_variant` |
| `picture.Rendering` | all `Picture`s of one image, and facts about its source | `pipeline.render` |
| `image.work.RenderedImage` | (outside) rendered, not yet stored: variants and `Picture`s | `image.work` |
"""
