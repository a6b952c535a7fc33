"""Programs as people wrote them for the real service, in Microsoft's own client, against the local Media Services.

media_programs.py FOLDER, with what `gridwich local --print json` printed on standard input. The folder holds `film.mp4` (640x360,
4 s, with sound), `bumper.mp4` (other size and rate, no sound), `logo.png` and `tracks.mp4` (eight sounds of one channel).
Ends with an error at the first surprise.
"""
import os
import sys
import time
from datetime import datetime, timezone
from datetime import timedelta as td

from azure.core.exceptions import HttpResponseError
from azure.mgmt.media import models as m
from azure.storage.blob import ContainerClient
from media_client import ACCOUNT, GROUP, client

FOLDER = sys.argv[1]


def container(asset):
    """The container of an asset, by the signature that Media Services gives out for it."""
    wanted = m.ListContainerSasInput(permissions="ReadWrite", expiry_time=datetime.now(timezone.utc) + td(hours=1))
    (url, *_) = client.assets.list_container_sas(GROUP, ACCOUNT, asset, wanted).asset_container_sas_urls
    return ContainerClient.from_container_url(url)


def uploaded(asset, *names):
    client.assets.create_or_update(GROUP, ACCOUNT, asset, m.Asset())
    for name in names:
        with open(os.path.join(FOLDER, name), "rb") as content:
            container(asset).upload_blob(name, content)
    return m.JobInputAsset(asset_name=asset)


def run(name, preset, job_input):
    """Runs a job to its end, and gives it and the files it left, each with its size."""
    outputs = [m.TransformOutput(preset=preset, on_error="StopProcessingJob", relative_priority="Normal")]
    transform = client.transforms.create_or_update(GROUP, ACCOUNT, f"t-{name}", m.Transform(outputs=outputs))
    assert transform.outputs[0].preset.serialize() == preset.serialize(), transform.outputs[0].preset
    client.assets.create_or_update(GROUP, ACCOUNT, f"out-{name}", m.Asset())
    job = client.jobs.create(GROUP, ACCOUNT, f"t-{name}", name, m.Job(
        input=job_input, outputs=[m.JobOutputAsset(asset_name=f"out-{name}")]))
    assert said(job.input) == said(job_input), job.input
    ends = time.time() + 120
    while job.state not in ("Finished", "Error", "Canceled"):
        assert time.time() < ends, f"{name} is still {job.state}"
        time.sleep(0.1)
        job = client.jobs.get(GROUP, ACCOUNT, f"t-{name}", name)
    return job, {blob.name: blob.size for blob in container(f"out-{name}").list_blobs()}


def said(value):
    """What was said, without the lists that the service adds where nothing was."""
    value = value.serialize() if hasattr(value, "serialize") else value
    if isinstance(value, dict):
        return {member: said(inner) for member, inner in value.items() if inner not in ([], {})}
    return [said(inner) for inner in value] if isinstance(value, list) else value


def makes(name, preset, job_input, *wanted):
    """Runs a job that has to leave these files and what describes them, and nothing else. `*` ends a beginning."""
    job, files = run(name, preset, job_input)
    assert job.state == "Finished" and job.outputs[0].progress == 100, (name, job.outputs[0].error)
    made = [file for file in files if not file.endswith((".ism", "_manifest.json"))]
    for pattern in wanted:
        fits = [f for f in made if f == pattern or pattern.endswith("*") and f.startswith(pattern[:-1])]
        assert fits, (name, pattern, made)
        made = [file for file in made if file not in fits]
    assert not made, (name, made)
    assert all(size > 0 for size in files.values()), (name, files)
    print(f"{name}: {len(files)} files")


def standard(codecs, formats, **filters):
    return m.StandardEncoderPreset(codecs=codecs, formats=formats, filters=m.Filters(**filters) if filters else None)


def layers(kind, *heights):
    return [kind(bitrate=1000 * height, width=str(height * 16 // 9), height=str(height), label=f"{height}p")
            for height in heights]


def h264(*heights, **members):
    return m.H264Video(key_frame_interval=td(seconds=2), complexity="Speed", layers=layers(m.H264Layer, *heights), **members)


AAC = m.AacAudio(channels=2, sampling_rate=48000, bitrate=128000, profile="AacLc")
MP4 = m.Mp4Format(filename_pattern="Video-{Basename}-{Label}-{Bitrate}{Extension}")
film = uploaded("film", "film.mp4")

makes("h264", standard(
    [AAC, h264(360, 180), m.PngImage(start="25%", step="25%", range="80%", layers=[m.PngLayer(width="50%", height="50%")])],
    [MP4, m.PngFormat(filename_pattern="Thumbnail-{Basename}-{Index}{Extension}")]), film,
    "Video-film-360p-360.mp4", "Video-film-180p-180.mp4", *(f"Thumbnail-film-00000{n}.png" for n in (1, 2, 3)))
makes("hevc", standard(
    [AAC, m.H265Video(complexity="Speed", layers=layers(m.H265Layer, 180))], [MP4]), film, "Video-film-180p-180.mp4")
makes("content-aware", m.BuiltInStandardEncoderPreset(preset_name="ContentAwareEncoding"), film, "film_*")
makes("constrained", m.BuiltInStandardEncoderPreset(
    preset_name="ContentAwareEncoding", configurations=m.PresetConfigurations(
        complexity="Speed", interleave_output="NonInterleavedOutput", key_frame_interval_in_seconds=2,
        max_bitrate_bps=900000, min_bitrate_bps=200000, max_height=270, min_height=180, max_layers=2)), film,
    "film_480x270_*", "film_320x180_*", "film_AACAudio_128.mp4")
makes("adaptive", m.BuiltInStandardEncoderPreset(preset_name="AdaptiveStreaming"), film,
      "film_640x360_*", "film_480x270_*", "film_320x180_*", "film_AACAudio_128.mp4")
makes("copy-all", m.BuiltInStandardEncoderPreset(preset_name="CopyAllBitrateNonInterleaved"), film,
      "film_640x360_*", "film_aac_*")

top = m.SelectVideoTrackByAttribute(attribute="Bitrate", filter="Top")
archive = m.JobInputAsset(asset_name="film", input_definitions=[m.FromAllInputFile(included_tracks=[top])])
makes("copy-archive", standard(
    [m.CopyAudio(), m.CopyVideo()], [m.Mp4Format(filename_pattern="{Basename}_{Bitrate}{Extension}")]), archive, "film_*")
makes("copy-sprite", standard(
    [m.CopyVideo(), m.CopyAudio(), m.JpgImage(start="0%", step="5%", range="100%", sprite_column=10, layers=[
        m.JpgLayer(width="20%", height="20%", quality=85)])],
    [m.Mp4Format(filename_pattern="Copy-{Basename}{Extension}"),
     m.JpgFormat(filename_pattern="sprite-{Basename}-{Index}{Extension}")]), film,
    "Copy-film.mp4", "sprite-film-000001.jpg", "sprite-film-000001.vtt")
cues = container("out-copy-sprite").download_blob("sprite-film-000001.vtt").readall().decode()
assert cues.startswith("WEBVTT") and cues.count("sprite-film-000001.jpg#xywh=") == 20, cues

makes("thumbnails", standard(
    [m.JpgImage(start="PT1S", step="PT1S", range="100%", layers=[m.JpgLayer(width="25%", height="25%", quality=90)]),
     m.PngImage(start="{Best}")],
    [m.JpgFormat(filename_pattern="{Basename}-{Index}{Extension}"), m.PngFormat(filename_pattern="Best{Extension}")]),
    film, "film-000001.jpg", "film-000002.jpg", "film-000003.jpg", "Best.png")
makes("rotate", standard([AAC, h264(180)], [MP4], rotation="Rotate90"), film, "Video-film-180p-180.mp4")
makes("crop", standard(
    [AAC, h264(180)], [MP4], crop=m.Rectangle(left="100", top="10%", width="320", height="180"),
    fade_in=m.Fade(duration=td(seconds=1), fade_color="Black"), deinterlace=m.Deinterlace(mode="AutoPixelAdaptive")),
    film, "Video-film-180p-180.mp4")
logo = uploaded("logo", "logo.png")
logo.label = "logo"
makes("overlay", standard([AAC, h264(360, 180)], [MP4], overlays=[m.VideoOverlay(
    input_label="logo", position=m.Rectangle(left="10%", top="10%"), opacity=0.75, start=td(seconds=0), end=td(seconds=3),
    fade_in_duration=td(seconds=1), fade_out_duration=td(seconds=1))]), m.JobInputs(inputs=[film, logo]),
    "Video-film-360p-360.mp4", "Video-film-180p-180.mp4")

uploaded("bumper", "bumper.mp4")
start = m.AbsoluteClipTime(time=td(seconds=0))
clips = [m.JobInputAsset(asset_name="bumper", files=["bumper.mp4"], start=start, label="bumper"),
         m.JobInputAsset(asset_name="film", files=["film.mp4"], start=start,
                         end=m.AbsoluteClipTime(time=td(seconds=2)), label="main")]
makes("stitch", standard([AAC, h264(180)], [MP4]), m.JobInputSequence(inputs=clips), "Video-bumper-180p-180.mp4")
makes("transport-stream", standard(
    [AAC, h264(180)], [m.TransportStreamFormat(filename_pattern="Video-{Basename}-{Label}-{Bitrate}{Extension}")]), film,
    "Video-film-180p-180.ts")
makes("audio-only", standard([m.AacAudio(label="aac-lc")], [MP4]), film, "Video-film-aac-lc-128.mp4")

channels = ("StereoLeft", "StereoRight", "FrontLeft", "FrontRight", "Center", "LowFrequencyEffects", "BackLeft", "BackRight")
mapped = [m.SelectAudioTrackById(track_id=n, channel_mapping=channel) for n, channel in enumerate(channels)]
surround = uploaded("tracks", "tracks.mp4")
surround.files, surround.input_definitions = ["tracks.mp4"], [m.InputFile(filename="tracks.mp4", included_tracks=mapped)]
makes("multi-channel", m.StandardEncoderPreset(
    codecs=[m.AacAudio(channels=2, bitrate=128000, label="stereo"), m.AacAudio(channels=6, bitrate=320000, label="surround")],
    formats=[m.Mp4Format(filename_pattern="{Basename}-{Label}{Extension}", output_files=[
        m.OutputFile(labels=["stereo"]), m.OutputFile(labels=["surround"])])]), surround,
    "tracks-stereo.mp4", "tracks-surround.mp4")

for name, preset, named in (
        ("he-aac", standard([m.AacAudio(profile="HeAacV1")], [MP4]), "HeAacV1"),
        ("faces", m.FaceDetectorPreset(), "FaceDetectorPreset"),
        ("insights", m.VideoAnalyzerPreset(), "VideoAnalyzerPreset")):
    job, files = run(name, preset, film)
    error = job.outputs[0].error
    assert (job.state, error.code, error.retry) == ("Error", "ConfigurationUnsupported", "DoNotRetry"), (name, error)
    assert named in error.message and not files, (name, error.message, files)
try:
    run("wrong", standard([h264(180)], [MP4], fade_out=m.Fade(duration=td(seconds=1), fade_color="blackish")), film)
    raise AssertionError("a colour that is none was taken")
except HttpResponseError as refusal:
    assert refusal.status_code == 400 and "fadeOut.fadeColor" in refusal.message, refusal
print("azure-mgmt-media: programs written for the service work")
