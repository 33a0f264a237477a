-- The server's clock is the only one that counts. Tests put another in its place.

local now, moment

local function readClock(instead)
  local time = redis.call('TIME')
  -- Unique to this script: no two run in the same microsecond. Tells an account from one that was erased and opened again.
  moment = time[1] .. '.' .. time[2]
  now = instead >= 0 and instead or time[1] * 1000 + math.floor(time[2] / 1000)
end
