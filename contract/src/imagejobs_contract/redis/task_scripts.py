"""The task queue's Lua scripts: what must happen as a whole or not at all.

Redis runs each one alone, from its first line to its last.

The place of a task is its entry on the stream; who owns it stands in the group's pending list. A script that
ends a taking first looks there (`owned`), so that a worker whose lease went to another changes nothing: the
fence. Times are the server's own.

`taken` in an entry counts the deliveries before it was handed back; the pending list counts those since.
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
-- KEYS tasks, sent; ARGV index, task, time to live
local known = redis.call('HGET', KEYS[2], ARGV[1])
if known and redis.call('XRANGE', KEYS[1], known, known)[1] then return 0 end
local entry = redis.call('XADD', KEYS[1], '*', 'task', ARGV[2], 'taken', 0)
redis.call('HSET', KEYS[2], ARGV[1], entry)
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""
"""Put a task on the stream unless it lies there."""

WAITING = """
-- KEYS tasks, sent
local found = {}
local sent = redis.call('HGETALL', KEYS[2])
for n = 1, #sent, 2 do
  if redis.call('XRANGE', KEYS[1], sent[n + 1], sent[n + 1])[1] then found[#found + 1] = sent[n] end
end
return found
"""
"""Return the indexes of a job's images whose entry is really there."""

WITHDRAW = f"""{_REMOVE}
-- KEYS tasks, sent; ARGV group
for _, entry in ipairs(redis.call('HVALS', KEYS[2])) do remove(KEYS[1], ARGV[1], entry) end
redis.call('DEL', KEYS[2])
"""
"""Take all tasks of a job off the stream."""

CLAIM = """
-- KEYS tasks, workers; ARGV group, consumer, lease in ms
redis.call('ZADD', KEYS[2], redis.call('TIME')[1], ARGV[2])
while true do
  local idle = redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[3], '-', '+', 100)
  if #idle == 0 then return false end
  for _, each in ipairs(idle) do
    local entry = redis.call('XRANGE', KEYS[1], each[1], each[1])[1]
    if entry then
      redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, each[1])
      return {each[1], entry[2], each[4] + 1}
    end
    redis.call('XACK', KEYS[1], ARGV[1], each[1])
  end
end
"""
"""Tell that a worker lives, and give it the oldest task whose lease ran out: entry, fields, deliveries.

XPENDING is used, not XAUTOCLAIM: that one returns early with a cursor when the idle entry stands behind many
fresh ones, and for entries that were deleted while pending gives nil without an id on Redis 6.2, a third
element on 7. Here both are plain: an entry that is not on the stream any more is acknowledged, whatever the
version.
"""

RENEW = f"""{_OWNED}
-- KEYS tasks, workers; ARGV group, consumer, entry
redis.call('ZADD', KEYS[2], redis.call('TIME')[1], ARGV[2])
if not owned(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) then return 0 end
return #redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')
"""
"""Start the lease anew. JUSTID, as the delivery count must not grow."""

FINISH = f"""{_OWNED}{_REMOVE}
-- KEYS tasks, sent, items, done; ARGV group, consumer, entry, index, outcome, time to live, length of done, namespace, name, uid
if not owned(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) then return 0 end
redis.call('HSET', KEYS[3], ARGV[4], ARGV[5])
redis.call('EXPIRE', KEYS[3], ARGV[6])
if redis.call('HGET', KEYS[2], ARGV[4]) == ARGV[3] then redis.call('HDEL', KEYS[2], ARGV[4]) end
remove(KEYS[1], ARGV[1], ARGV[3])
local left = redis.call('HLEN', KEYS[2])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[7], '*', 'namespace', ARGV[8], 'name', ARGV[9], 'uid', ARGV[10], 'outcome', ARGV[5], 'left', left)
return 1
"""
"""Record an outcome, take its task off, wake the operator, and tell it what it would ask: the outcome, and
how many tasks of the job are left.
"""

HAND_BACK = f"""{_OWNED}{_REMOVE}
-- KEYS tasks, sent; ARGV group, consumer, entry, index, time to live
local mine = owned(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
local there = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])[1]
if not mine or not there then return 0 end
remove(KEYS[1], ARGV[1], ARGV[3])
local task, taken = there[2][2], there[2][4]
local entry = redis.call('XADD', KEYS[1], '*', 'task', task, 'taken', taken + mine[4] - 1)
redis.call('HSET', KEYS[2], ARGV[4], entry)
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 1
"""
"""Put a task that was not ended on the stream again, as new."""

WORKERS = """
-- KEYS tasks, workers; ARGV group, seconds, forget after ms
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. redis.call('TIME')[1] - ARGV[2])
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
for _, each in ipairs(consumers.err and {} or consumers) do
  local name, pending, idle = each[2], each[4], each[6]
  if pending == 0 and idle > tonumber(ARGV[3]) then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], name) end
end
return redis.call('ZCARD', KEYS[2])
"""
"""Count who was seen lately, and forget the names of those long gone, which the group would keep for ever."""
