"""Pictures and videos in and out: decoded safely, the right way up, with limits before allocation and real times.

`images` and `videos` are what the rest of photocall uses; importing this package loads neither.
"""
