-- The businesses in which the name of a person may stand: where they are a member, were one, or are invited.
-- $1 user_id: who
-- index: memberships_person_ix
select distinct m.business_id::text as business_id from core.memberships m where m.user_id = $1::uuid;
