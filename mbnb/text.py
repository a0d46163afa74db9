"""Text that people give: names of clips as lists, folders and videos spell them."""

import unicodedata

# Whatever a camera, a phone, a browser or a screen recorder writes and FFmpeg reads.
VIDEO_ENDINGS = tuple(
    ".264 .265 .3g2 .3gp .apng .asf .avi .divx .dv .f4v .flv .gif .h264 .h265 .hevc .m2t .m2ts "
    ".m2v .m4v .mjpeg .mjpg .mkv .mod .mov .mp4 .mpe .mpeg .mpg .mts .mxf .nut .ogm .ogv .qt .rm "
    ".rmvb .tod .ts .vob .webm .wmv .y4m".split()
)


def clip_name(text: str) -> str:
    """The name of a clip, however a list, a folder or a video spells it.

    Without the ending of a video or array in whatever case, without blanks around it, and with
    each letter as one character (NFC), where a Mac writes letter and accent apart.
    """
    name = unicodedata.normalize("NFC", text).strip()
    stem, dot, ending = name.rpartition(".")
    return stem.rstrip() if stem and f"{dot}{ending}".lower() in (*VIDEO_ENDINGS, ".npy") else name
