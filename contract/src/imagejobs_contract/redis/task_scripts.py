"""The task queue's Lua scripts: changes that must happen as a whole or not at all.

Redis runs each one alone, from its first line to its last. Each begins with the names of its KEYS and ARGV.

The place of a task is its entry on the stream; its owner is named in the group's pending list. A script that
ends a lease reads that list first (`owned`), so that a worker whose lease went to another changes nothing:
the fence. Times are the server's own.

`taken` in an entry counts the deliveries before it was released; the pending list counts those since.
"""

_OWNED = """
local function owned(tasks, group, consumer, entry)
  return redis.call('XPENDING', tasks, group, entry, entry, 1, consumer)[1]
end
"""
_REMOVE = """
local function remove(tasks, group, entry)
  redis.call('XACK', tasks, group, entry)
  redis.call('XDEL', tasks, entry)
end
"""

SEND = """
local tasks, sent = KEYS[1], KEYS[2]
local index, task, seconds_to_live = ARGV[1], ARGV[2], ARGV[3]
local known = redis.call('HGET', sent, index)
if known and redis.call('XRANGE', tasks, known, known)[1] then return 0 end
local entry = redis.call('XADD', tasks, '*', 'task', task, 'taken', 0)
redis.call('HSET', sent, index, entry)
redis.call('EXPIRE', sent, seconds_to_live)
return 1
"""
"""Put a task on the stream unless it is there."""

WAITING = """
local tasks, sent = KEYS[1], KEYS[2]
local found = {}
local entries = redis.call('HGETALL', sent)
for n = 1, #entries, 2 do
  local index, entry = entries[n], entries[n + 1]
  if redis.call('XRANGE', tasks, entry, entry)[1] then found[#found + 1] = index end
end
return found
"""
"""Return the indexes of a job's images whose entries are on the stream."""

CANCEL = f"""{_REMOVE}
local tasks, sent = KEYS[1], KEYS[2]
local group = ARGV[1]
for _, entry in ipairs(redis.call('HVALS', sent)) do remove(tasks, group, entry) end
redis.call('DEL', sent)
"""
"""Remove all tasks of a job from the stream."""

CLAIM = """
local tasks, workers = KEYS[1], KEYS[2]
local group, consumer, lease_ms = ARGV[1], ARGV[2], ARGV[3]
redis.call('ZADD', workers, redis.call('TIME')[1], consumer)
while true do
  local idle = redis.call('XPENDING', tasks, group, 'IDLE', lease_ms, '-', '+', 100)
  if #idle == 0 then return false end
  for _, each in ipairs(idle) do
    local id, deliveries = each[1], each[4]
    local entry = redis.call('XRANGE', tasks, id, id)[1]
    if entry then
      redis.call('XCLAIM', tasks, group, consumer, 0, id)
      return {id, entry[2], deliveries + 1}
    end
    redis.call('XACK', tasks, group, id)
  end
end
"""
"""Record that a worker lives, and lease it the oldest task whose lease ran out: entry, fields, deliveries.

XPENDING is used, not XAUTOCLAIM: XAUTOCLAIM returns early with a cursor when the idle entry is behind many
fresh ones, and for entries that were deleted while pending it gives nil without an id on Redis 6.2, a third
element on 7. XPENDING is plain on both: an entry that is no longer on the stream is acknowledged, whatever
the version.
"""

EXTEND = f"""{_OWNED}
local tasks, workers = KEYS[1], KEYS[2]
local group, consumer, entry = ARGV[1], ARGV[2], ARGV[3]
redis.call('ZADD', workers, redis.call('TIME')[1], consumer)
if not owned(tasks, group, consumer, entry) then return 0 end
return #redis.call('XCLAIM', tasks, group, consumer, 0, entry, 'JUSTID')
"""
"""Start the lease anew. JUSTID, because the delivery count must not grow."""

ACK = f"""{_OWNED}{_REMOVE}
local tasks, sent, items, done = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local group, consumer, entry = ARGV[1], ARGV[2], ARGV[3]
local index, outcome, seconds_to_live, max_length = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local namespace, name, uid = ARGV[8], ARGV[9], ARGV[10]
if not owned(tasks, group, consumer, entry) then return 0 end
redis.call('HSET', items, index, outcome)
redis.call('EXPIRE', items, seconds_to_live)
if redis.call('HGET', sent, index) == entry then redis.call('HDEL', sent, index) end
remove(tasks, group, entry)
local left = redis.call('HLEN', sent)
redis.call('XADD', done, 'MAXLEN', '~', max_length, '*',
  'namespace', namespace, 'name', name, 'uid', uid, 'outcome', outcome, 'left', left)
return 1
"""
"""Record an outcome, remove its task, and wake the operator with the facts that it would otherwise read: the
outcome, and how many tasks of the job are left.
"""

RELEASE = f"""{_OWNED}{_REMOVE}
local tasks, sent = KEYS[1], KEYS[2]
local group, consumer, entry, index, seconds_to_live = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local mine = owned(tasks, group, consumer, entry)
local there = redis.call('XRANGE', tasks, entry, entry)[1]
if not mine or not there then return 0 end
remove(tasks, group, entry)
local task, taken = there[2][2], there[2][4]
local again = redis.call('XADD', tasks, '*', 'task', task, 'taken', taken + mine[4] - 1)
redis.call('HSET', sent, index, again)
redis.call('EXPIRE', sent, seconds_to_live)
return 1
"""
"""Put a task whose work was not ended on the stream again, as a new entry."""

WORKERS = """
local tasks, workers = KEYS[1], KEYS[2]
local group, seconds, forget_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', workers, '-inf', '(' .. redis.call('TIME')[1] - seconds)
local consumers = redis.pcall('XINFO', 'CONSUMERS', tasks, group)
for _, each in ipairs(consumers.err and {} or consumers) do
  local name, pending, idle = each[2], each[4], each[6]
  if pending == 0 and idle > forget_ms then redis.call('XGROUP', 'DELCONSUMER', tasks, group, name) end
end
return redis.call('ZCARD', workers)
"""
"""Count the workers seen in the last seconds, and delete consumers that were idle for long, which the group
would keep for ever.
"""
