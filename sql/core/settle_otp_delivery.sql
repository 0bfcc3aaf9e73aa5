-- Ends a try to deliver a one-time code: nothing is left of the code, or it is due again. Who was so slow that another has
-- taken it meanwhile cannot put it off. No row: it was replaced by a newer one, or there is nothing left to end.
-- $1 challenge_id: which one
-- $2 delivery_attempts: the try
-- $3 retry_after_ms (nullable): milliseconds until the next try; null for none, delivered or given up
-- index: otp_challenges_pk
update core.otp_challenges c set
  sealed_code = case when $3::int is not null then c.sealed_code end,
  next_delivery_at = now() + $3::int * interval '1 millisecond'
where c.id = $1::uuid and c.sealed_code is not null and ($3::int is null or c.delivery_attempts = $2::int)
returning c.id::text as challenge_id;
