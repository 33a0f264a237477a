-- What is remembered of a reservation under its id: while it may still be settled, and for a while after it has ended.
--
-- live:  'L', ask, units, amounts, expiry, pins (birth of an account = start of the stretch in which it is held)
-- ended: 'E', ask, units, amounts, status, overage or false

local SETTLED_STATUS, RELEASED_STATUS, DUPLICATE_STATUS, LATE_STATUS = 0, 1, 2, 3
-- How long a hold that expired is remembered, so that a late settlement finds the stretch in which it was made.
local REMEMBER_EXPIRED_MS = 24 * 3600 * 1000

local function loadRecord(key)
  local packed = redis.call('GET', key)
  return packed and cmsgpack.unpack(packed) or nil
end

local function saveRecord(key, record, forMs)
  redis.call('SET', key, cmsgpack.pack(record), 'PX', string.format('%.0f', forMs))
end

-- A hold as a member of an account's set of holds: all that its expiry needs.
local function holdMember(start, amounts, id)
  return struct.pack('<ddddddddd', start, unpack(amounts)) .. id
end

-- A set of holds outlives each of them, however long the others live.
local function keepHolds(key, ttl)
  if redis.call('PTTL', key) < ttl + REMEMBER_EXPIRED_MS then
    redis.call('PEXPIRE', key, string.format('%.0f', 2 * (ttl + REMEMBER_EXPIRED_MS)))
  end
end
