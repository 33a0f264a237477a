-- The numbers of a request arrive as one string of little-endian doubles. They stay where they are: eight amounts (one for
-- each dimension in its fixed order; a limit of -1 is no limit) are known by the place before the first of them.

local numbers, cursor

local function readFrom(packed)
  numbers = { struct.unpack('<' .. string.rep('d', #packed / 8), packed) }
  cursor = 0
end

local function nextNumber()
  cursor = cursor + 1
  return numbers[cursor]
end

local function nextAmounts()
  local at = cursor
  cursor = at + 8
  return at
end

-- Nil where a 0 stands in place of a 1 and what would follow it.
local function nextOptionalAmounts()
  cursor = cursor + 1
  if numbers[cursor] == 1 then return nextAmounts() end
  return nil
end

local reply, size = {}, 0

local function push(value)
  size = size + 1
  reply[size] = value
end

-- Appends the eight amounts of a list that stand behind a place in it.
local function pushAmounts(list, at)
  local r, n = reply, size
  r[n + 1], r[n + 2], r[n + 3], r[n + 4] = list[at + 1], list[at + 2], list[at + 3], list[at + 4]
  r[n + 5], r[n + 6], r[n + 7], r[n + 8] = list[at + 5], list[at + 6], list[at + 7], list[at + 8]
  size = n + 8
end
