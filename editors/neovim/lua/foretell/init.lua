--- Ghost text from a code model on this machine, and the next edit.
---
--- Call `require('foretell').setup()`.
local config = require('foretell.config')
local edit = require('foretell.edit')
local focus = require('foretell.focus')
local ghost = require('foretell.ghost')
local server = require('foretell.server')
local suggestion = require('foretell.suggestion')

local M = {}

local follows_cmp = false

--- Follows nvim-cmp's menu, which has its own events. Called repeatedly, because nvim-cmp is often
--- loaded late.
local function follow_cmp()
  local cmp = package.loaded['cmp']
  if cmp and cmp.event and not follows_cmp then
    follows_cmp = true
    for _, event in ipairs({ 'menu_opened', 'menu_closed' }) do
      cmp.event:on(event, vim.schedule_wrap(ghost.on_menu))
    end
  end
end

--- Starts Foretell. Settings: |foretell-settings|.
---@param opts? table foretell.Config, with every field optional
function M.setup(opts)
  config.set(opts)
  if config.current.native and not vim.lsp.inline_completion then
    error('foretell: `native` needs Neovim 0.12', 0)
  end
  local group = vim.api.nvim_create_augroup('foretell', {})
  local function on(events, callback, pattern)
    vim.api.nvim_create_autocmd(events, {
      group = group,
      pattern = pattern,
      callback = function()
        callback()
      end,
    })
  end
  local function highlight()
    vim.api.nvim_set_hl(0, 'ForetellGhost', { default = true, link = 'Comment' })
    vim.api.nvim_set_hl(0, 'ForetellMore', { default = true, link = 'NonText' })
    vim.api.nvim_set_hl(0, 'ForetellEditOld', { default = true, link = 'DiffDelete' })
    -- A group of its own: a link cannot add an attribute.
    vim.api.nvim_set_hl(0, 'ForetellEditStruck', {
      default = true,
      strikethrough = true,
      cterm = { strikethrough = true },
    })
    vim.api.nvim_set_hl(0, 'ForetellEditNew', { default = true, link = 'DiffAdd' })
    vim.api.nvim_set_hl(0, 'ForetellEditHint', { default = true, link = 'Comment' })
  end
  highlight()
  on('ColorScheme', highlight)
  on('BufEnter', focus.send_soon)
  on('ModeChanged', focus.send, '[^i]*:i*')
  on('CursorMoved', focus.send_at_rest)
  if config.current.native then
    server.on_ready = function(buf)
      focus.send_soon()
      require('foretell.native').follow(buf)
    end
  else
    on(
      { 'InsertEnter', 'TextChangedI', 'TextChangedP', 'CursorMovedI', 'CompleteDone', 'WinEnter' },
      ghost.on_change
    )
    on({ 'WinScrolled', 'WinResized', 'VimResized' }, function()
      ghost.refresh(false)
    end)
    on({ 'InsertLeave', 'BufLeave' }, ghost.stop)
    on('ModeChanged', ghost.stop, 'i*:[^i]*') -- CTRL-C fires no InsertLeave
    on('ModeChanged', ghost.on_change, '[^i]*:i*') -- back from CTRL-O
    on('User', vim.schedule_wrap(ghost.on_menu), { 'BlinkCmpMenuOpen', 'BlinkCmpMenuClose' })
    on('InsertEnter', follow_cmp)
    server.on_update = ghost.on_update
    server.on_ready = function(buf)
      focus.send_soon()
      ghost.on_ready(buf)
    end
  end
  if config.current.next_edit then
    on({
      'BufEnter',
      'CompleteDone',
      'CursorMoved',
      'CursorMovedI',
      'ModeChanged',
      'VimResized',
      'WinEnter',
      'WinResized',
      'WinScrolled',
    }, edit.refresh)
    on({ 'TextChanged', 'TextChangedI', 'TextChangedP' }, edit.on_change)
    on('User', vim.schedule_wrap(edit.refresh), { 'BlinkCmpMenuOpen', 'BlinkCmpMenuClose' })
    ghost.on_drawn = edit.refresh
    server.on_edits = edit.on_edits
  end
  require('foretell.keys').map(config.current.keys)
  server.enable()
end

--- Whether the text cannot be changed now, as in an expression mapping.
---@return boolean
local function text_is_locked()
  -- There is no such buffer, so this fails in either case, with different errors.
  local _, why = pcall(vim.api.nvim_buf_set_lines, -1, 0, 0, false, {})
  return tostring(why):find('E565', 1, true) ~= nil
end

--- Runs an action that changes the text, in an expression mapping right after it.
---@param is_possible boolean
---@param action fun(): boolean
---@return boolean
local function run_unlocked(is_possible, action)
  if config.current.native or not text_is_locked() then
    return action()
  elseif is_possible then
    vim.schedule(action)
  end
  return is_possible
end

--- Accepts the suggestion; without one, `next_edit()`. Returns false if there
--- is neither, for a fallback.
---@return boolean
function M.accept()
  return run_unlocked(M.is_visible() or M.has_edit(), function()
    return suggestion.display().accept() or edit.advance()
  end)
end

--- Accepts the first word of the suggestion.
---@return boolean
function M.accept_word()
  return run_unlocked(M.is_visible(), function()
    return suggestion.display().accept('word')
  end)
end

--- Accepts the first line of the suggestion.
---@return boolean
function M.accept_line()
  return run_unlocked(M.is_visible(), function()
    return suggestion.display().accept('line')
  end)
end

--- Shows the next candidate.
---@return boolean
function M.next()
  return suggestion.display().cycle(1)
end

--- Shows the previous candidate.
---@return boolean
function M.previous()
  return suggestion.display().cycle(-1)
end

--- Dismisses the suggestion until the next key; without one, `reject_edit()`.
---@return boolean
function M.dismiss()
  return suggestion.display().dismiss() or edit.reject()
end

--- Requests suggestions at the cursor.
---@return boolean
function M.trigger()
  return suggestion.display().trigger()
end

--- Jumps to the next edit; if the cursor is on its line, applies it instead.
--- Returns false if none is shown, for a fallback.
---@return boolean
function M.next_edit()
  return run_unlocked(M.has_edit(), edit.advance)
end

--- Rejects the next edit: it is not offered again.
---@return boolean
function M.reject_edit()
  return edit.reject()
end

--- Whether a next edit is shown that a key would act on. No key acts on it
--- while there is a suggestion, a completion menu or a snippet.
---@return boolean
function M.has_edit()
  return edit.is_ready()
end

--- Whether a suggestion is shown.
---@return boolean
function M.is_visible()
  return suggestion.is_visible()
end

--- Turns suggestions on or off, everywhere or in a buffer. The server keeps running.
---@param on boolean
---@param buf? integer only in this buffer
function M.enable(on, buf)
  if buf then
    vim.b[buf].foretell = on
  else
    vim.g.foretell = on
  end
  if config.current.native then
    for _, it in ipairs(buf and { buf } or vim.api.nvim_list_bufs()) do
      require('foretell.native').follow(it)
    end
  elseif not on then
    ghost.stop()
  end
  edit.refresh()
  vim.cmd.redrawstatus({ bang = true })
end

--- The state of the server, and the reason if it failed or suggested nothing.
---@return foretell.Status
function M.status()
  return config.is_on(0) and server.status or { state = 'off' }
end

--- Why nothing is shown, in a sentence.
---@return string
function M.reason()
  return require('foretell.reason').sentence()
end

--- The status in a word or two, for a status line.
---@return string
function M.statusline()
  local status = M.status()
  return 'foretell: ' .. status.state .. (status.remote and ' at ' .. status.remote or '')
end

return M
