-- Thresholds of a limit, each told once in a window.

local function markAlert(account, mark)
  local marks = restOf(account).marks or {}
  local firedAt = marks[mark]
  if firedAt and (account[KIND] ~= ROLLING or now - firedAt < account.length) then return false end
  marks[mark] = now
  changeRest(account).marks = marks
  return true
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
  return count
end
