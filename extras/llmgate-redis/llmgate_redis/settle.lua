-- Counts what calls have used, renews and ends their leases. A batch that comes twice counts once.
--
-- KEYS[1]: the number of the last batch of this process; ARGV[1]: that of this one.
-- ARGV[2]: changes, each {what, …}; keys are numbers into KEYS:
--   {'use', usage key, {{rate, ms more or less}, …}}
--   {'pause', usage key, ms}
--   {'pace', usage key, ms between two calls or 0, ms for which that holds}
--   {'leave', leases key, id}
--   {'renew', leases key, id, ms}
--   {'spend', totals key, amount, ms until the period is over}
--   {'reserve', totals key, reservations key, id|estimate, ms}: renews it
--   {'release', totals key, reservations key, id|estimate}
local number = tonumber(ARGV[1])
if tonumber(redis.call('GET', KEYS[1]) or -1) >= number then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

local function keep(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, math.ceil(ms)) end
end

local function amount_in(member)
  return tonumber(string.match(member, '[^|]*$'))
end

local function hold(totals, amount)
  redis.call('HINCRBY', totals, 'held', string.format('%.0f', amount))
end

local change = {}

-- A rate of which nothing is known any more is one of which nothing is used.
function change.use(key, rates)
  local last = 0
  for _, rate in ipairs(rates) do
    local at = math.max(tonumber(redis.call('HGET', key, rate[1]) or 0), now) + rate[2]
    redis.call('HSET', key, rate[1], string.format('%.3f', at))
    last = math.max(last, at)
  end
  keep(key, math.max(last - now, 0) + 1000)
end

function change.pause(key, ms)
  local held = tonumber(redis.call('HGET', key, 'held until') or 0)
  local until_ = math.max(held, now + ms)
  redis.call('HSET', key, 'held until', string.format('%.3f', until_))
  if held < now then redis.call('HSET', key, 'released', 0) end
  keep(key, until_ - now + 1000)
end

function change.pace(key, gap, ms)
  redis.call('HSET', key, 'gap', gap, 'paced until', string.format('%.3f', now + ms))
  if gap > 0 then
    local held = tonumber(redis.call('HGET', key, 'held until') or 0)
    redis.call('HSET', key, 'held until', string.format('%.3f', math.max(held, now + gap)))
  end
  keep(key, math.max(ms, gap) + 1000)
end

function change.leave(key, id)
  redis.call('ZREM', key, id)
end

function change.renew(key, id, ms)
  redis.call('ZADD', key, now + ms, id)
  keep(key, ms)
end

function change.spend(totals, amount, ms)
  redis.call('HINCRBY', totals, 'spent', string.format('%.0f', amount))
  keep(totals, ms)
end

function change.reserve(totals, reservations, member, ms)
  if redis.call('ZADD', reservations, now + ms, member) == 1 then hold(totals, amount_in(member)) end
  keep(totals, ms)
  keep(reservations, ms)
end

-- What a sweep has taken off already is not taken off again.
function change.release(totals, reservations, member)
  if redis.call('ZREM', reservations, member) == 1 then hold(totals, 0 - amount_in(member)) end
end

for _, each in ipairs(cjson.decode(ARGV[2])) do
  each[2] = KEYS[each[2]]
  if each[1] == 'reserve' or each[1] == 'release' then each[3] = KEYS[each[3]] end
  change[each[1]](unpack(each, 2))
end
redis.call('SET', KEYS[1], number, 'PX', 3600000)
return 1
