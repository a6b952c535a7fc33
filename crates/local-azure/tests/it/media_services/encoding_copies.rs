//! Copying all tracks apart, which encodes nothing.

use serde_json::json;

use super::studio::{CLIP, duration_s, encode_input, encoded, failed, give_clip, studio, tracks};
use super::world::built_in;

#[tokio::test]
async fn every_track_of_every_file_gets_a_file_of_its_own() {
    let world = studio();
    give_clip(&world, "a.mp4", CLIP);
    give_clip(&world, "b.mp4", "-f lavfi -i testsrc2=size=320x180:rate=30:duration=2 -pix_fmt yuv420p");
    let names = encoded(&world, built_in("CopyAllBitrateNonInterleaved")).await;
    let made = names.iter().map(|name| tracks(&world, name)).collect::<Vec<_>>();
    assert_eq!(made, [["h264 320x180"], ["h264 640x360"], ["aac 1"]], "{names:?}");
    assert!((duration_s(&world, &names[0]) - 2.0).abs() < 0.1);
}

#[tokio::test]
async fn a_sequence_cannot_be_copied() {
    let world = studio();
    give_clip(&world, "a.mp4", CLIP);
    let clip = json!({"@odata.type": "#Microsoft.Media.JobInputAsset", "assetName": "input"});
    let input = json!({"@odata.type": "#Microsoft.Media.JobInputSequence", "inputs": [clip, clip]});
    let job = encode_input(&world, built_in("CopyAllBitrateNonInterleaved"), input).await;
    assert_eq!(failed(&world, &job).0, "ConfigurationUnsupported");
}
