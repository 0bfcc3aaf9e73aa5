-- Whose a thread of the chat is. No row: there is none of the business.
-- $1 business_id: the tenant
-- $2 thread_id: which one
-- index: chat_threads_pk
select t.user_id::text as user_id from budget.chat_threads t where t.business_id = $1::uuid and t.id = $2::uuid;
