import { describe, expect, test } from 'vitest'
import { clientNames, clients, entryFor, pathOf, type Surroundings } from './clients.ts'

const target = { url: 'http://127.0.0.1:8080/mcp', keyVariable: undefined, program: '/bin/node', args: ['/x/main.js'] }
const linux: Surroundings = { platform: 'linux', env: { HOME: '/home/ada' }, folder: '/srv/project' }
const mac: Surroundings = { platform: 'darwin', env: { HOME: '/Users/ada' }, folder: '/srv/project' }
const windows: Surroundings = {
  platform: 'win32',
  env: { USERPROFILE: 'C:\\Users\\ada', APPDATA: 'C:\\Users\\ada\\AppData\\Roaming', HOME: '/not/this' },
  folder: 'C:\\project',
}

function paths(surroundings: Surroundings): Record<string, ReadonlyArray<string | undefined>> {
  return Object.fromEntries(
    clientNames.map((name) => [name, clients[name].files.map(([, place]) => pathOf(place, surroundings))]),
  )
}

describe('the file of a client', () => {
  test('is where the client looks for it on Linux', () => {
    expect(paths(linux)).toEqual({
      'claude-code': ['/srv/project/.mcp.json', '/home/ada/.claude.json'],
      'claude-desktop': ['/home/ada/.config/Claude/claude_desktop_config.json'],
      cursor: ['/home/ada/.cursor/mcp.json', '/srv/project/.cursor/mcp.json'],
      vscode: ['/srv/project/.vscode/mcp.json', '/home/ada/.config/Code/User/mcp.json'],
      windsurf: ['/home/ada/.codeium/windsurf/mcp_config.json'],
    })
  })

  test('is where the client looks for it on macOS', () => {
    const settings = '/Users/ada/Library/Application Support'
    expect(paths(mac)).toMatchObject({
      'claude-desktop': [`${settings}/Claude/claude_desktop_config.json`],
      cursor: ['/Users/ada/.cursor/mcp.json', '/srv/project/.cursor/mcp.json'],
      vscode: ['/srv/project/.vscode/mcp.json', `${settings}/Code/User/mcp.json`],
    })
  })

  test('is where the client looks for it on Windows', () => {
    expect(paths(windows)).toMatchObject({
      'claude-code': ['C:\\project\\.mcp.json', 'C:\\Users\\ada\\.claude.json'],
      'claude-desktop': ['C:\\Users\\ada\\AppData\\Roaming\\Claude\\claude_desktop_config.json'],
      windsurf: ['C:\\Users\\ada\\.codeium\\windsurf\\mcp_config.json'],
    })
  })

  test('follows the folders in the environment, and is unknown without a home folder', () => {
    const { 'claude-desktop': desktop, cursor } = clients
    const moved = { ...linux, env: { HOME: '/home/ada', XDG_CONFIG_HOME: '/etc/ada' } }
    expect(desktop.files.map(([, place]) => pathOf(place, moved))).toEqual([
      '/etc/ada/Claude/claude_desktop_config.json',
    ])
    const homeless = { ...linux, env: { HOME: '' } }
    expect(cursor.files.map(([, place]) => pathOf(place, homeless))).toEqual([
      undefined,
      '/srv/project/.cursor/mcp.json',
    ])
    const roaming = { ...windows, env: { USERPROFILE: 'C:\\Users\\ada' } }
    expect(desktop.files.map(([, place]) => pathOf(place, roaming))).toEqual([
      'C:\\Users\\ada\\AppData\\Roaming\\Claude\\claude_desktop_config.json',
    ])
  })
})

describe('the entry of a client', () => {
  test('has the shape that the client reads', () => {
    const { url } = target
    expect(Object.fromEntries(clientNames.map((name) => [name, entryFor(clients[name], target)]))).toEqual({
      'claude-code': { type: 'http', url },
      'claude-desktop': { command: '/bin/node', args: ['/x/main.js', 'connect', url] },
      cursor: { url },
      vscode: { type: 'http', url },
      windsurf: { serverUrl: url },
    })
    expect(clients.vscode.section).toBe('servers')
  })

  test('refers to the key by its variable, in the syntax of the client', () => {
    const entries = clientNames.map((name) => entryFor(clients[name], { ...target, keyVariable: 'MY_KEY' }))
    expect(entries.map((entry) => entry['headers'])).toEqual([
      { Authorization: 'Bearer ${MY_KEY}' },
      undefined,
      { Authorization: 'Bearer ${env:MY_KEY}' },
      { Authorization: 'Bearer ${env:MY_KEY}' },
      { Authorization: 'Bearer ${env:MY_KEY}' },
    ])
  })
})
