//! One aggregate type behind an object-safe trait, so that a registry can hold them all.

use std::{collections::HashSet, marker::PhantomData, sync::Arc};

use async_trait::async_trait;
use kontor_domain::{Decider, Issued, RefusalDocument, TenantId, tenant::Tenant};
use uuid::Uuid;

use super::{Core, RouteError, Routed, attempt::Attempts, baselines::Baselines, parse::parse};
use crate::{Envelope, Outcome};

/// Carries out the commands of one aggregate type.
#[async_trait]
pub(super) trait Handle: Send + Sync {
    async fn handle(&self, core: &Core, envelope: &Envelope) -> Result<Routed, RouteError>;

    /// Drops from memory what is known about these people.
    fn forget_subjects(&self, subjects: &HashSet<(TenantId, Uuid)>);
}

/// Any aggregate.
pub(super) struct Handler<A> {
    baselines: Arc<Baselines<A>>,
    aggregate: PhantomData<A>,
}

/// The aggregate `tenant`, whose state all decisions may read.
pub(super) struct TenantHandler {
    handler: Handler<Tenant>,
}

impl<A: Decider> Handler<A> {
    pub(super) fn new(baselines: Arc<Baselines<A>>) -> Self {
        Self { baselines, aggregate: PhantomData }
    }
}

impl TenantHandler {
    pub(super) fn new(baselines: Arc<Baselines<Tenant>>) -> Self {
        Self { handler: Handler::new(baselines) }
    }
}

#[async_trait]
impl<A: Decider> Handle for Handler<A> {
    async fn handle(&self, core: &Core, envelope: &Envelope) -> Result<Routed, RouteError> {
        let command = parse::<A::Order>(envelope)?;
        let attempts = Attempts::<A>::new(core, &self.baselines, envelope);
        if (core.settings.now)() > envelope.deadline {
            return attempts.refuse(deadline_passed(envelope)).await;
        }
        let tenant = core.tenants.facts(&*core.store, &envelope.tenant).await?;
        let issued = Issued {
            id: envelope.id,
            at: envelope.issued_at,
            actor: envelope.actor.clone(),
            tenant,
            command,
        };
        let _lane = core.lanes.lock(envelope.id).await;
        attempts.run(&issued).await
    }

    fn forget_subjects(&self, subjects: &HashSet<(TenantId, Uuid)>) {
        self.baselines.forget_subjects(subjects);
    }
}

#[async_trait]
impl Handle for TenantHandler {
    async fn handle(&self, core: &Core, envelope: &Envelope) -> Result<Routed, RouteError> {
        if envelope.id != envelope.tenant.stream_id() {
            return Err(RouteError::Malformed(format!(
                "field `id`: the tenant `{}` has the id {}",
                envelope.tenant,
                envelope.tenant.stream_id()
            )));
        }
        let routed = self.handler.handle(core, envelope).await?;
        match &routed.outcome {
            Outcome::Accepted(_) => core.tenants.learn(&envelope.tenant),
            Outcome::Refused { .. } => {}
        }
        Ok(routed)
    }

    fn forget_subjects(&self, subjects: &HashSet<(TenantId, Uuid)>) {
        self.handler.forget_subjects(subjects);
    }
}

fn deadline_passed(envelope: &Envelope) -> RefusalDocument {
    RefusalDocument::new(
        "deadline_passed",
        "the command was not carried out in time; send it again with a new id if it is still wanted",
    )
    .with("deadline", envelope.deadline.to_rfc3339())
}
