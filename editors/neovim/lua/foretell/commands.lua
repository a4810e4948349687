--- The subcommands of `:Foretell`.
local foretell = require('foretell')
local program = require('foretell.program')
local server = require('foretell.server')

local M = {}

--- Shows lines in a scratch window; `q` closes it.
---@param title string
---@param lines string[]
local function show_page(title, lines)
  local buf = vim.fn.bufadd('foretell://' .. title)
  vim.bo[buf].buftype, vim.bo[buf].bufhidden, vim.bo[buf].modifiable = 'nofile', 'wipe', true
  local win = vim.fn.win_findbuf(buf)[1] -- from an earlier call
  if win then
    vim.api.nvim_set_current_win(win)
  else
    vim.api.nvim_open_win(buf, true, { split = 'above', win = 0 })
  end
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.bo[buf].modifiable = false
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buf, nowait = true })
end

---@type table<string, fun(scope?: string, ...: string)>
local commands = {
  on = function(scope)
    foretell.enable(true, scope == 'buffer' and 0 or nil)
  end,
  off = function(scope)
    foretell.enable(false, scope == 'buffer' and 0 or nil)
  end,
  toggle = function(scope)
    local is_on
    if scope == 'buffer' then
      is_on = vim.b.foretell ~= false
    else
      is_on = vim.g.foretell ~= false
    end
    foretell.enable(not is_on, scope == 'buffer' and 0 or nil)
  end,
  status = function()
    local remote = foretell.status().remote
    local where = remote and (' The text around the cursor is sent to %s.'):format(remote) or ''
    vim.notify(('Foretell: %s%s'):format(foretell.reason(), where))
  end,
  setup = program.set_up,
  model = program.choose_model,
  doctor = function()
    program.run({ 'doctor' })
  end,
  stats = function()
    local client = vim.lsp.get_clients({ name = 'foretell' })[1]
    if not client then
      vim.notify('Foretell: the server is not running', vim.log.levels.WARN)
      return
    end
    local params = { command = 'foretell.stats' }
    server.call(client, 'request', 'workspace/executeCommand', params, function(err, stats)
      if err then
        vim.notify('Foretell: cannot read the statistics: ' .. err.message, vim.log.levels.WARN)
      else
        show_page('stats', vim.split(stats.page, '\n', { trimempty = true }))
      end
    end)
  end,
  restart = server.restart,
  log = function()
    vim.cmd.tabedit(vim.fn.fnameescape(vim.lsp.log.get_filename()))
  end,
  health = function()
    vim.cmd.checkhealth('foretell')
  end,
}

--- Runs a subcommand, by default `status`.
---@param words string[] its name and arguments
function M.run(words)
  local name = words[1] or 'status'
  local command = commands[name]
  if not command then
    vim.notify(('Foretell: unknown command %q'):format(name), vim.log.levels.ERROR)
    return
  end
  command(unpack(words, 2))
end

--- Completes subcommands and their arguments.
---@param lead string the text before the cursor that is completed
---@param line string
---@return string[]
function M.complete(lead, line)
  local words = vim.split(line, '%s+', { trimempty = true })
  local names = vim.tbl_keys(commands)
  if #words > 2 or (#words == 2 and lead == '') then
    names = {}
    if vim.list_contains({ 'on', 'off', 'toggle' }, words[2]) then
      names = { 'buffer' }
    elseif words[2] == 'setup' then
      names = program.model_names()
    end
  end
  table.sort(names)
  return vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, names)
end

return M
