-- One thread of a person.
-- $1 business_id: the tenant
-- $2 user_id: whose
-- $3 thread_id: which one
-- index: chat_threads_pk, chat_messages_seq_uq
select budget.chat_thread_body(t)::text as body, t.version
from budget.chat_threads t where t.business_id = $1::uuid and t.user_id = $2::uuid and t.id = $3::uuid;
