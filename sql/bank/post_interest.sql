-- Works out and posts the interest of a month for these accounts, and tells the cache (bank.post_interest). Null: another
-- replica is at it.
-- $1 business_id: the tenant
-- $2 period: the first day of the month
-- $3 account_ids: whose
-- $4 transfer_ids: ids of the transfers, one an account
-- $5 invalidation: what the cache is told, as JSON
-- nullable: posted
-- index: interest_periods_pk, lent_asof_ix
select bank.post_interest($1::uuid, $2::text::date, $3::uuid[], $4::uuid[]) as posted,
  core.record_invalidation($5::text::jsonb)::text is null as is_told;
