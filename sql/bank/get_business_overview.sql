-- What is going on in the bank of a business: wires that wait for somebody, customers who wait for compliance, and what
-- was moved in the running hour and the 23 before it. Queues are read from partial indexes, volumes from counters of
-- hours, so that it costs the same however many transfers there are.
-- $1 business_id: the tenant
-- index: wires_queue_ix, transfers_pk, kyc_queue_ix, counters_pk, counter_deltas_ix
with wires as (
  select w.status, t.currency, count(*) as count, sum(t.amount) as amount, min(w.updated_at) as oldest
  from bank.wire_transfers w join bank.transfers t on t.business_id = w.business_id and t.id = w.transfer_id
  where w.business_id = $1 and w.status in ('pending_approval', 'compliance_review', 'on_hold', 'approved', 'submitted')
  group by w.status, t.currency),
kyc as (
  select k.status, count(*) as count, min(k.submitted_at) as oldest from bank.kyc_profiles k
  where k.business_id = $1 and k.submitted_at is not null group by k.status),
volume as (
  select v.dimension[2] as kind, v.dimension[3] as status, v.dimension[4] as currency, sum(v.count) as count,
    sum(v.total) as amount
  from core.counter_values v
  where v.business_id = $1 and v.name = 'bank.transfers'
    and v.dimension >= array[to_char((now() - interval '23 hours') at time zone 'UTC', 'YYYY-MM-DD"T"HH24')]
  group by 1, 2, 3 having sum(v.count) <> 0)
select json_build_object('as_of', core.iso(now()),
  'wire_transfers', (
    select coalesce(json_agg(json_build_object('status', w.status, 'currency', w.currency, 'count', w.count,
      'amount', w.amount, 'oldest', core.iso(w.oldest)) order by w.status, w.currency), '[]') from wires w),
  'kyc', (
    select coalesce(json_agg(json_build_object('status', k.status, 'count', k.count, 'oldest', core.iso(k.oldest))
      order by k.status), '[]') from kyc k),
  'volume_24h', (
    select coalesce(json_agg(json_build_object('kind', v.kind, 'status', v.status, 'currency', v.currency,
      'count', v.count, 'amount', v.amount) order by v.kind, v.status, v.currency), '[]') from volume v))::text as body;
