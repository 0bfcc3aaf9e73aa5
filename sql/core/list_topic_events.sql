-- What came after an event in one topic, and whether that is all: rows are kept for a day. One row without an event when
-- nothing came.
-- $1 business_id: the tenant
-- $2 topic: which one
-- $3 after: the last event that is known
-- $4 limit_rows: how many at most
-- nullable: seq, data
-- index: outbox_topic_ix
select
  -- Nothing was forgotten since, and the number was given here: another database may have been put in place of that one.
  ($3::text::bigint between k.forgotten and k.newest) as is_whole,
  e.seq::text as seq, e.data
from (
  select (select f.seq from core.outbox_forgotten f) as forgotten,
    (select case when s.is_called then s.last_value else 0 end from core.outbox_seq s) as newest) k
left join lateral (
  select o.seq, o.payload::text as data from core.outbox o
  where o.business_id = $1::uuid and o.topic = $2 and o.seq > $3::text::bigint
  order by o.seq limit $4::int) e on true
order by e.seq;
