-- The server's clock is the only one that counts. Tests put another in its place.

local now, microseconds

local function readClock(instead)
  local time = redis.call('TIME')
  microseconds = time[1] * 1000000 + time[2]
  now = instead >= 0 and instead or math.floor(microseconds / 1000)
end
