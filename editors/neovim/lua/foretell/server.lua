--- The server as a client of Neovim's: started, spoken to, started again after it has died.
local config = require('foretell.config')

local M = {}

---@alias foretell.State 'loading'|'ready'|'thinking'|'off'|'failed'

---@type { state: foretell.State, message?: string }
M.status = { state = 'loading' }

---@type fun(params: table, client_id: integer) What to do with an update of a suggestion.
M.on_update = function() end
---@type fun(buf: integer) What to do when suggestions can come: a new server, or its model is loaded.
M.on_ready = function() end

local MAX_RESTARTS, RESTART_WINDOW_MS = 4, 180000
local restarts = {} ---@type integer[] when it was started again, in ms

---@param state foretell.State
---@param message? string
---@param remote? string the address of the server that computes, where that is not this machine
local function set_status(state, message, remote)
  local told = M.status.state == 'failed' and M.status.message == message
  M.status = { state = state, message = message, remote = remote }
  if state == 'failed' and message and not told then
    -- Cut to what fits beside the hint: a longer message would make the user press Enter.
    local brief = vim.fn.strcharpart(message, 0, vim.o.columns - 50)
    vim.notify(('Foretell: %s … see :checkhealth foretell'):format(brief), vim.log.levels.WARN)
  end
  vim.api.nvim_exec_autocmds('User', { pattern = 'ForetellStatus', modeline = false })
  vim.cmd.redrawstatus()
end

--- The client of a buffer.
---@param buf integer
---@return vim.lsp.Client?
function M.client(buf)
  return vim.lsp.get_clients({ bufnr = buf, name = 'foretell' })[1]
end

--- Calls a method of a client, in 0.10 as in later versions.
---@param client vim.lsp.Client
---@param method 'request'|'notify'|'is_stopped'
function M.call(client, method, ...)
  if vim.fn.has('nvim-0.11') == 1 then
    return client[method](client, ...)
  end
  return client[method](...)
end

local function start_again()
  local now = vim.uv.now()
  restarts = vim.tbl_filter(function(at)
    return now - at < RESTART_WINDOW_MS
  end, restarts)
  if #restarts >= MAX_RESTARTS then
    set_status(
      'failed',
      'the server ended too often. `:Foretell log` says why, `:Foretell restart` tries again'
    )
    return
  end
  restarts[#restarts + 1] = now
  set_status('loading')
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    if vim.b[buf].foretell_attached and vim.api.nvim_buf_is_loaded(buf) then
      M.start(buf)
    end
  end
end

---@return vim.lsp.ClientConfig
local function client_config()
  local settings = config.current.settings
  if vim.tbl_isempty(settings) then
    settings = vim.empty_dict() -- an empty table of Lua's goes over the wire as a list
  end
  return {
    name = 'foretell',
    cmd = config.current.cmd,
    init_options = {
      status = true,
      streaming = config.current.streaming and not config.current.native,
      settings = settings,
    },
    settings = { foretell = settings },
    handlers = {
      ['foretell/status'] = function(_, params)
        -- After `thinking` it is ready as well, with the answer to a request on its way.
        local was_loading = M.status.state == 'loading'
        set_status(params.state, params.message, params.remote)
        if was_loading and params.state == 'ready' then
          M.on_ready(vim.api.nvim_get_current_buf())
        end
      end,
      ['foretell/inlineCompletion/update'] = function(_, params, ctx)
        M.on_update(params, ctx.client_id)
      end,
    },
    on_attach = function(_, buf)
      vim.b[buf].foretell_attached = true
      M.on_ready(buf)
    end,
    on_exit = function(code, signal)
      if (code ~= 0 or signal ~= 0) and vim.v.exiting == vim.NIL then
        vim.schedule(start_again)
      end
    end,
  }
end

--- Attaches a buffer to the server, and starts that where it does not run.
---@param buf integer
function M.start(buf)
  if vim.bo[buf].buftype == '' and config.covers(buf) then
    local base = vim.lsp.config and vim.lsp.config.foretell or client_config()
    vim.lsp.start(base, {
      bufnr = buf,
      silent = true,
      reuse_client = function(client, wanted)
        return client.name == wanted.name and not M.call(client, 'is_stopped')
      end,
    })
  end
end

--- From now on every file gets the server. What the user has set with `vim.lsp.config` holds.
function M.enable()
  local given = client_config()
  if vim.lsp.config then
    given.cmd = nil -- a user's own `vim.lsp.config('foretell', { cmd = … })` holds over the default
    if not vim.deep_equal(config.current.cmd, config.defaults.cmd) then
      given.cmd = config.current.cmd
    end
    vim.lsp.config('foretell', given)
  end
  local group = vim.api.nvim_create_augroup('foretell.start', {})
  local program = (vim.lsp.config and vim.lsp.config.foretell or given).cmd[1]
  if vim.fn.executable(program) == 0 then
    vim.schedule(function()
      set_status('failed', M.missing(program))
    end)
    return
  end
  vim.api.nvim_create_autocmd('FileType', {
    group = group,
    callback = function(event)
      M.start(event.buf)
    end,
  })
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buf) and vim.bo[buf].filetype ~= '' then
      M.start(buf)
    end
  end
end

--- What to say when the program is not there.
---@param program string
---@return string
function M.missing(program)
  return ('no program %q. Install it (`make install` in its source), or name it: '):format(program)
    .. "require('foretell').setup({ cmd = { '/path/to/foretell', 'serve' } })"
end

--- Ends the server and starts it anew, also where there was no program before.
function M.restart()
  restarts = {}
  set_status('loading')
  local clients = vim.lsp.get_clients({ name = 'foretell' })
  for _, client in ipairs(clients) do
    vim.lsp.stop_client(client.id, true)
  end
  -- One that ends by a signal is started again while we wait, one with code 0 is not.
  vim.wait(2000, function()
    return vim.iter(clients):all(function(client)
      return not vim.lsp.get_client_by_id(client.id)
    end)
  end, 20)
  M.enable()
end

return M
