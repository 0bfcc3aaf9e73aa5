-- Renews the leases of the answers that a server works on, a third before they would lapse, and returns those that it shall
-- stop: somebody wants them to, or they were ended or deleted.
-- $1 business_ids: of each answer its tenant
-- $2 message_ids: the answers, in the same order
-- $3 lease_s: seconds
-- nullable: message_id
-- index: chat_messages_pk
with renewed as (
  update budget.chat_messages m set leased_until = clock_timestamp() + make_interval(secs => $3::int)
  where m.business_id = any ($1::uuid[]) and m.id = any ($2::uuid[]) and m.state = 'streaming'
    and m.leased_until < clock_timestamp() + make_interval(secs => $3::int * 2 / 3.0))
select r.message_id
from unnest($1::uuid[], $2::uuid[]) r (business_id, message_id)
-- one by one: there are few of them, and many messages
left join lateral (
  select m.cancel_requested_at is not null as is_unwanted from budget.chat_messages m
  where m.business_id = r.business_id and m.id = r.message_id and m.state = 'streaming' offset 0) m on true
where m.is_unwanted is not false;
