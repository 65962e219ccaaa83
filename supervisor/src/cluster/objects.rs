//! A store of objects that keeps nothing of those that are gone.

use async_nats::jetstream::{
    object_store::{GetErrorKind, InfoErrorKind, Object, ObjectStore},
    stream::Stream,
};
use base64::{Engine, prelude::BASE64_URL_SAFE};
use tokio::io::AsyncRead;

use super::purge;

/// The store.
#[derive(Clone)]
pub struct Objects {
    store: ObjectStore,
    stream: Stream,
    name: String,
}

impl Objects {
    pub(super) fn new(store: ObjectStore, stream: Stream, name: String) -> Self {
        Self { store, stream, name }
    }

    /// Keeps an object, in the place of one that has its name.
    pub async fn put(
        &self,
        name: &str,
        data: &mut (impl AsyncRead + Unpin + Send),
    ) -> Result<(), async_nats::Error> {
        self.store.put(name, data).await?;
        Ok(())
    }

    /// An object, to be read.
    pub async fn get(&self, name: &str) -> Result<Option<Object>, async_nats::Error> {
        match self.store.get(name).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.kind() == GetErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Bytes of an object.
    pub async fn size(&self, name: &str) -> Result<Option<u64>, async_nats::Error> {
        let size = |object: Object| u64::try_from(object.info.size).unwrap_or(u64::MAX);
        Ok(self.get(name).await?.map(size))
    }

    /// An object goes, whether it was there or not. Nothing has to be written for that, unlike by the client's own function,
    /// so that it works on servers that are full; and nothing is left that tells of it.
    pub async fn delete(&self, name: &str) -> Result<(), async_nats::Error> {
        match self.store.info(name).await {
            Ok(info) => purge(&self.stream, &format!("$O.{}.C.{}", self.name, info.nuid)).await?,
            Err(error) if error.kind() == InfoErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        purge(&self.stream, &format!("$O.{}.M.{}", self.name, BASE64_URL_SAFE.encode(name))).await
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").field("name", &self.name).finish_non_exhaustive()
    }
}
