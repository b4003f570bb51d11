//! Keeps what cannot be carried out for an operator.

use kontor_commands::Envelope;
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use super::delivery::Delivery;

/// The length of a message's fingerprint in bytes: enough that two messages never share one.
const FINGERPRINT_BYTES: usize = 16;

/// Records a delivery that cannot be carried out. The same message again adds to its attempts.
pub(super) async fn record(
    pool: &PgPool,
    delivery: &Delivery,
    reason: &str,
) -> Result<(), kontor_postgres::DatabaseError> {
    let envelope = Envelope::from_bytes(delivery.payload()).ok();
    let mut address = delivery.address.splitn(3, '.');
    let (tenant, aggregate) = (address.next().unwrap_or(""), address.next().unwrap_or(""));
    let digest = Sha256::digest(delivery.payload());
    let fingerprint: String =
        digest.iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect();
    tracing::warn!(
        tenant,
        aggregate,
        deliveries = delivery.deliveries,
        fingerprint,
        "A command is set aside as a dead letter",
    );
    let attempts = i32::try_from(delivery.deliveries).unwrap_or(i32::MAX);
    let letter = kontor_postgres::command_dead_letters::NewCommandDeadLetter {
        tenant,
        aggregate,
        command_id: envelope.map(|envelope| envelope.command_id),
        fingerprint: &fingerprint,
        reason,
        attempts,
        message: delivery.payload(),
    };
    kontor_postgres::command_dead_letters::record(pool, &letter).await.map(drop)
}
