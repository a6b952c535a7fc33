//! What we do with containers: make them, find them, open them, delete them. Not what is in them.

use std::collections::HashMap;

use azure_storage_blob::models::{
    BlobContainerClientCreateOptions, BlobContainerClientGetPropertiesResultHeaders,
    BlobContainerClientSetAccessPolicyOptions, PublicAccessType,
};
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{ContainerAddress, Existence, ParticipantError, PublicAccess};

use super::{BlobStorage, CONTEXTS};
use crate::azure::classify::{classify, code};

/// The metadata of a container that names the operation it was made for, so that a repetition knows its own work.
const MAKER: &str = "gridwichoperation";

impl BlobStorage {
    /// What we remember operations by, and what we keep of them, is not for requestors to read, to delete or to open.
    pub(super) fn refuse_own(&self, container: &ContainerAddress) -> Result<(), ParticipantError> {
        if container.container != CONTEXTS && self.dead_letters.as_ref() != Some(container) {
            return Ok(());
        }
        let message = format!("the container {:?} is the processor's own", container.container);
        Err(ParticipantError::Rejected(message, None))
    }

    pub(super) async fn make_container(
        &self,
        container: &ContainerAddress,
        operation: OperationId,
    ) -> Result<Existence, ParticipantError> {
        let failed = |error: azure_core::Error| named(&error, container);
        let (client, maker) = (self.container(container)?, operation.digits());
        let options = BlobContainerClientCreateOptions {
            metadata: Some(HashMap::from([(MAKER.to_owned(), maker.clone())])),
            ..BlobContainerClientCreateOptions::default()
        };
        match client.create(Some(options)).await {
            Ok(_) => Ok(Existence::Created),
            Err(error) if code(&error) == Some("ContainerAlreadyExists") => {
                let there = client.get_properties(None).await.map_err(failed)?.metadata().map_err(failed)?;
                Ok(if there.get(MAKER) == Some(&maker) { Existence::Created } else { Existence::Existed })
            }
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) async fn look_at_container(
        &self,
        container: &ContainerAddress,
    ) -> Result<String, ParticipantError> {
        let failed = |error: azure_core::Error| named(&error, container);
        let found = self.container(container)?.get_properties(None).await.map_err(failed)?;
        Ok(found.etag().map_err(failed)?.map(|etag| etag.to_string()).unwrap_or_default())
    }

    pub(super) async fn remove_container(
        &self,
        container: &ContainerAddress,
    ) -> Result<(), ParticipantError> {
        self.refuse_own(container)?;
        let deleted = self.container(container)?.delete(None).await;
        deleted.map(|_| ()).map_err(|error| named(&error, container))
    }

    /// The policies are read and written back: the service replaces both together.
    pub(super) async fn open_container(
        &self,
        container: &ContainerAddress,
        access: PublicAccess,
    ) -> Result<(), ParticipantError> {
        self.refuse_own(container)?;
        let failed = |error: azure_core::Error| named(&error, container);
        let client = self.container(container)?;
        let policies = client.get_access_policy(None).await.map_err(failed)?.into_model().map_err(failed)?;
        let options = BlobContainerClientSetAccessPolicyOptions {
            access: match access {
                PublicAccess::None => None,
                PublicAccess::Blob => Some(PublicAccessType::Blob),
                PublicAccess::BlobContainer => Some(PublicAccessType::Container),
            },
            ..BlobContainerClientSetAccessPolicyOptions::default()
        };
        let policies = policies.try_into().map_err(failed)?;
        client.set_access_policy(policies, Some(options)).await.map(|_| ()).map_err(failed)
    }
}

fn named(error: &azure_core::Error, container: &ContainerAddress) -> ParticipantError {
    classify(error, &format!("the container {:?}", container.container))
}
