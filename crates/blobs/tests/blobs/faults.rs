//! Failpoints fail the chosen call and nothing else.

use crate::support::{all, bytes};
use holdfast_blobs::{BlobError, Call, fail_nth};
use holdfast_types::Sha256;

#[tokio::test]
async fn the_nth_call_fails() {
    for storage in all().await {
        let blobs = &storage.blobs;
        let (first, second) = (bytes(10, 1), bytes(10, 2));
        blobs.inject(Some(fail_nth(Call::Keep, 2)));
        let kept = blobs.put(first).await.unwrap();
        assert!(matches!(blobs.put(second.clone()).await, Err(BlobError::Unavailable { .. })));
        assert_eq!(blobs.size(&Sha256::of(&second)).await.unwrap(), None);

        blobs.inject(Some(fail_nth(Call::Kept, 1)));
        assert!(blobs.put(second.clone()).await.is_err());
        assert_eq!(blobs.size(&Sha256::of(&second)).await.unwrap(), Some(10));

        blobs.inject(Some(fail_nth(Call::Get, 1)));
        assert!(blobs.get(&kept).await.is_err());
        assert!(blobs.get(&kept).await.is_ok());

        blobs.inject(Some(fail_nth(Call::Write, 2)));
        let mut staging = blobs.stage(100);
        staging.write(bytes(1, 3)).await.unwrap();
        assert!(staging.write(bytes(1, 3)).await.is_err());

        blobs.inject(None);
        blobs.put(bytes(10, 4)).await.unwrap();
    }
}
