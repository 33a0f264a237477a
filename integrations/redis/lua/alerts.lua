-- Thresholds of a limit, each told once in a window.

local function markAlert(account, mark)
  local marks = restOf(account).marks or {}
  local firedAt = marks[mark]
  if firedAt and (account[KIND] ~= ROLLING or now - firedAt < account.length) then return false end
  marks[mark] = now
  changeRest(account).marks = marks
  return true
end

-- Remembers below what is settled no threshold of the guard's limits is left to be told, so that most steps need not look. What
-- was told in a rolling window is told again after its length: there it is looked at in every step.
local function findQuiet(ref)
  local account, list, base = ref[OF], ref[LIST], ref[BASE]
  local state, marks = account[STATE], restOf(account).marks or {}
  for d = 1, 8 do state[QUIET_AT + d] = math.huge end
  for at = ref[FIRST], ref[LAST], ref[STRIDE] do
    local d, limit = list[at], ref[STRIDE] == 5 and list[at + 3] or list[at + 1]
    for number = numbers[base + 5], 1, -1 do
      local threshold = numbers[base + 5 + number]
      if limit > 0 and not marks[d .. '@' .. threshold] then state[QUIET_AT + d] = limit * threshold end
    end
  end
  account[IS_CHANGED], account.isRewritten = true, true
end

-- Appends the thresholds of one dimension that were crossed for the first time: place, dimension, number of the threshold,
-- settled, limit, reset. Returns how many.
local function pushAlerts(place, ref, d, limit)
  local account, base, count = ref[OF], ref[BASE], 0
  local settled = account[STATE][SETTLED_AT + d]
  for number = 1, numbers[base + 5] do
    local threshold = numbers[base + 5 + number]
    if settled < limit * threshold then break end
    if markAlert(account, d .. '@' .. threshold) then
      count = count + 1
      push(place)
      push(d)
      push(number)
      push(settled)
      push(limit)
      push(resetOf(account))
    end
  end
  if count > 0 then findQuiet(ref) end
  return count
end
