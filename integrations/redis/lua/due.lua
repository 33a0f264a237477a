-- The holds of a slot, ordered by expiry: the keys of their records in one sorted set. An account has only the sum of what is
-- held in it, so that a step costs the same however many others are under way. Whoever finds holds overdue frees them before
-- he goes on (expire.lua), in all their accounts at once. The set is not emptied: a member without an end keeps its life.

local DUE_AT_ONCE, NO_HOLD, ENDLESS = 50, '=', 'inf'

-- The records of holds that were overdue at a moment, at most so many; none where nothing was.
local function overdue(set, moment)
  return redis.call('ZRANGEBYSCORE', set, '-inf', string.format(EXACT, moment), 'LIMIT', 0, DUE_AT_ONCE)
end

-- When the next hold is due; 0 where there is none.
local function nextDue(set)
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
  return first and first ~= ENDLESS and tonumber(first) or 0
end

-- What is to be written of the set: expiry, record, and so on; and the records that leave it.
local holding, dropping, longestLife = {}, {}, 0

local function holdUntil(key, expiry, life)
  holding[#holding + 1] = string.format(EXACT, expiry)
  holding[#holding + 1] = key
  if life > longestLife then longestLife = life end
end

local function dropHold(key)
  dropping[#dropping + 1] = key
end
