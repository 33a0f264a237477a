-- The numbers of a request arrive as two strings of little-endian doubles: what is new in each step, and behind it what a run
-- repeats in each of its steps. They stay where they are: eight amounts (one for each dimension in its fixed order) are known
-- by the place before the first of them. An answer goes back the same way.

-- So many values fit on Lua's stack with room to spare.
local AT_ONCE = 4000

local numbers, cursor = {}, 0
local answer, size = {}, 0

local function readNumbers(packed)
  local count = #packed / 8
  numbers = { struct.unpack('<' .. string.rep('d', math.min(count, AT_ONCE)), packed) }
  for from = AT_ONCE, count - 1, AT_ONCE do
    local more = { struct.unpack('<' .. string.rep('d', math.min(count - from, AT_ONCE)), packed, 8 * from + 1) }
    for i = 1, AT_ONCE do numbers[from + i] = more[i] end
  end
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

local function push(value)
  size = size + 1
  answer[size] = value
end

-- Appends the eight amounts of a list that stand behind a place in it.
local function pushAmounts(list, at)
  local r, n = answer, size
  r[n + 1], r[n + 2], r[n + 3], r[n + 4] = list[at + 1], list[at + 2], list[at + 3], list[at + 4]
  r[n + 5], r[n + 6], r[n + 7], r[n + 8] = list[at + 5], list[at + 6], list[at + 7], list[at + 8]
  size = n + 8
end

local function packedAnswer()
  if size <= AT_ONCE then return struct.pack('<' .. string.rep('d', size), unpack(answer, 1, size)) end
  local parts = {}
  for from = 1, size, AT_ONCE do
    local last = math.min(size, from + AT_ONCE - 1)
    parts[#parts + 1] = struct.pack('<' .. string.rep('d', last - from + 1), unpack(answer, from, last))
  end
  return table.concat(parts)
end
