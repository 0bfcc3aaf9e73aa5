-- Ends answers whose server is gone, and says so to who listens and to the cache. Returns how many.
-- $1 limit_rows: at most so many
-- index: chat_messages_streaming_ix, chat_threads_pk, chat_messages_pk
select budget.end_lost_answers($1::int) as ended;
