-- Opening an account, and limits: what an admission brings, and what an adjustment puts in their place.

local function openAccount(account)
  local state = zeros(HEAD_COUNT)
  state[BORN] = (microseconds - EPOCH) * 16 + account.number % 16
  state[START], state[LISTED], state[CHARGES] = account.start, -1, account.charges
  account.state, account.rest = state, {}
  account.isNew, account.isChanged = true, true
  if account.named > 0 then
    changeRest(account).names = { ARGV[account.named], ARGV[account.named + 1], ARGV[account.named + 2] }
  end
end

-- Remembers the limits of an admission, for those who list accounts. `mark` tells whether they are others than before.
local function keepLimits(account, mark, count, at)
  account.state[LIMITS_MARK] = mark
  local kept = { -1, -1, -1, -1, -1, -1, -1, -1 }
  for place = at + 1, at + 5 * count, 5 do kept[numbers[place]] = numbers[place + 3] end
  changeRest(account).limits = kept
end

local function adjust(account, limits, untilMoment)
  local rest = changeRest(account)
  rest.adjustment = limits and { untilMoment, limits } or nil
  account.state[IS_ADJUSTED] = limits and 1 or 0
end

-- The limits of an admission with an adjustment in their place, as a list like that of the request, and how many they are.
local function adjustedList(account, count, at)
  local adjusted = restOf(account).adjustment[2]
  local list = {}
  for d = 1, 8 do
    local limit, tighter, kept = -1, -1, 0
    for place = at + 1, at + 5 * count, 5 do
      if numbers[place] == d then kept, limit, tighter = numbers[place + 2], numbers[place + 3], numbers[place + 4] end
    end
    if adjusted[d] >= 0 then limit = adjusted[d] end
    local ceiling = limit
    if ceiling < 0 or (tighter >= 0 and tighter < ceiling) then ceiling = tighter end
    local n = #list
    list[n + 1], list[n + 2], list[n + 3], list[n + 4], list[n + 5] = d, ceiling, kept, limit, tighter
  end
  return list, 8
end
