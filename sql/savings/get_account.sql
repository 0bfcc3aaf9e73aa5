-- One savings account.
-- $1 business_id: the tenant
-- $2 account_id: which one
-- $3 own_user_id (nullable): only if its customer has this login
-- $4 own_agent_id (nullable): only if this member, or a sub-agent of theirs, looks after it
-- index: savings_accounts_pk, memberships_pk, customers_pk
select savings.account_body(a)::text as body, a.version
from savings.accounts a
where a.business_id = $1 and a.id = $2 and savings.is_seen_by(a, $3::uuid, $4::uuid);
