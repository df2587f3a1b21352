-- Tables, strings, files, coroutines, garbage, other processes.
local t = {}
for i = 1, 20000 do t[i] = (i * 7919) % 20011 end
table.sort(t)
print(#t, t[1], t[10000], t[#t])
local words = {}
for w in ("the quick brown fox jumps over the lazy dog the end"):gmatch("%a+") do words[w] = (words[w] or 0) + 1 end
print(words.the, words.fox, string.format("%q %5.2f %x", "a\nb", math.pi, 255))
local function generate(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i, i * i) end end) end
local sum = 0
for i, s in generate(1000) do sum = sum + s end
print(sum, 2^53, 7 // 2, -7 % 3, 1 << 40, utf8.len("häh"))
local name = os.tmpname()
local file = assert(io.open(name, "w+"))
for i = 1, 1000 do file:write(i, "\n") end
file:seek("set", 0)
local total = 0
for line in file:lines("n") do total = total + line end
print(total, file:seek("end"))
file:close()
assert(os.rename(name, name .. ".x") and os.remove(name .. ".x"))
print(select(3, os.remove(name)))
local pipe = io.popen("echo from the shell; exit 3")
print(pipe:read("a"), pipe:close())
print(os.execute("kill -TERM $$"))
local weak = setmetatable({}, {__mode = "v"})
for i = 1, 1000 do weak[i] = {} end
collectgarbage()
print(#weak, pcall(error, {code = 5}), select("#", table.unpack({}, 1, 3)))
print(pcall(string.rep, "x", 1 << 62))
print(load("return ...")(os.getenv("HOME") ~= nil), os.date("!%Y-%m-%d", 86400), os.time{year=2000, month=1, day=1, hour=12})
