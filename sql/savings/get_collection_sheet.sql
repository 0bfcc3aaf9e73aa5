-- The round of a day: active accounts with what is due, what was missed, and who was visited, by the name of the customer. One
-- row more than the limit says that there are more. Runs on the lane `report`.
-- $1 business_id: the tenant
-- $2 own_agent_id (nullable): only of this agent and their sub-agents; null: all
-- $3 agent_id (nullable): the round of this agent; null: all that the caller sees
-- $4 date: day of the business's calendar
-- $5 limit_rows: accounts at most
-- index: sacc_agent_ix, sacc_status_ix, coll_account_ix, markings_position_uq
with account as materialized (
  select a as row, o.name, o.phone from savings.accounts a
  join core.customers o on o.business_id = a.business_id and o.id = a.customer_id
  where a.business_id = $1 and a.status = 'active' and ($3::uuid is null or a.agent_id = $3)
    and ($2::uuid is null or a.agent_id = any ((select savings.agents_of($1, $2))::uuid[]))
  order by o.name, a.id limit $5::int + 1)
select count(*)::int as accounts, coalesce(json_agg(json_build_object('savings_account_id', (s.row).id,
    'tracking_number', (s.row).tracking_number, 'customer', s.name, 'phone', s.phone,
    'marking_amount', (s.row).marking_amount, 'currency', (s.row).currency, 'markings_paid', (s.row).markings_paid,
    'markings_total', (s.row).markings_total,
    -- where nothing was undone, the slots that are paid are the first ones
    'next_position', case when coalesce(k.last, 0) = (s.row).markings_paid then (s.row).markings_paid + 1
      else (savings.free_slots(s.row, 1))[1] end,
    'elapsed', savings.elapsed(s.row, $4::date),
    'behind', greatest(0, savings.elapsed(s.row, $4::date) - (s.row).markings_paid),
    'marked_today', exists (select from savings.collections c
      where c.business_id = $1 and c.savings_account_id = (s.row).id and c.business_date = $4::date and c.status = 'confirmed'),
    'ends_on', (s.row).ends_on) order by s.name, (s.row).id), '[]')::text as body
from account s
left join lateral (select m.position as last from savings.markings m
  where m.business_id = $1 and m.savings_account_id = (s.row).id and m.reversed_at is null
  order by m.position desc limit 1) k on true;
