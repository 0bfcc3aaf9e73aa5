-- What came after an event, of all topics: what a server that listens asks again and again. One row without an event when
-- nothing came.
-- $1 after: the last event that it knows
-- $2 limit_rows: how many at most
-- nullable: business_id, topic, seq, data, age_ms
-- index: outbox_seq_uq, outbox_pending_ix
select p.is_pending, e.business_id::text as business_id, e.topic, e.seq::text as seq, e.data, e.age_ms
from (select exists (select from core.outbox o where o.seq is null and o.id > 0) as is_pending) p
left join lateral (
  select o.business_id, o.topic, o.seq, o.payload::text as data,
    floor(extract(epoch from clock_timestamp() - o.at) * 1000)::int as age_ms
  from core.outbox o where o.seq > $1::text::bigint order by o.seq limit $2::int) e on true
order by e.seq;
