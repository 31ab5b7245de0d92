"""Turns the bytes of one image into the requested results. Knows bytes and options, nothing of S3, Redis or jobs.

| value | meaning | made by |
|---|---|---|
| `source.Opened` | a file whose header is read and within the limits; no pixel is decoded yet | `decode.open_image` |
| `source.Source` | one image in work: bytes, `Opened`, metadata, upright size, loop count | `pipeline.render` |
| `picture.Picture` | one encoded result of one variant | `variants.render_variant` |
| `picture.Rendering` | all `Picture`s of one image, and facts about its source | `pipeline.render` |
| `image.work.Rendered` | outside: the pictures with the keys they are stored under, and the source's bytes | `image.work` |
"""
