-- The server's clock is the only one that counts. Tests put another in its place.

local now, microseconds
-- How a moment is written that may be compared: a clock in place of the server's may have fractions.
local EXACT = '%.17g'

local function readClock(instead)
  local time = redis.call('TIME')
  microseconds = time[1] * 1000000 + time[2]
  now = instead >= 0 and instead or math.floor(microseconds / 1000)
end

-- What a script answers first: that it is done; that the stretches that were sent do not hold the server's moment; that it needs
-- keys that were not sent; that holds are overdue, whose records follow.
local DONE, OTHER_TIME, LACKS_KEYS, OVERDUE = 1, 0, 2, 3

local function answerOnly(code)
  return { struct.pack('<dd', code, now) }
end
