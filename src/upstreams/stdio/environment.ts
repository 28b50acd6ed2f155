/**
 * The environment of a child: a short list of names that programs cannot do without, and what the operator configured.
 * Nothing else is passed on, because our environment may hold secrets that the server must not see.
 */

const posixNames: ReadonlySet<string> = new Set([
  'HOME',
  'LANG',
  'LOGNAME',
  'PATH',
  'SHELL',
  'TERM',
  'TMPDIR',
  'TZ',
  'USER',
])

/** Windows spells names in any case, and programs fail in odd ways without these. */
const windowsNames: ReadonlySet<string> = new Set([
  'APPDATA',
  'COMSPEC',
  'HOMEDRIVE',
  'HOMEPATH',
  'LANG',
  'LOCALAPPDATA',
  'NUMBER_OF_PROCESSORS',
  'PATH',
  'PATHEXT',
  'PROCESSOR_ARCHITECTURE',
  'PROGRAMDATA',
  'PROGRAMFILES',
  'SYSTEMDRIVE',
  'SYSTEMROOT',
  'TEMP',
  'TMP',
  'TZ',
  'USERNAME',
  'USERPROFILE',
  'WINDIR',
])

/** The environment of a child: the listed names of `source` (our own environment), overridden by `extra` (configured). */
export function childEnvironment(
  source: Readonly<Record<string, string | undefined>>,
  extra: Readonly<Record<string, string>>,
  platform: string = process.platform,
): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(source)) {
    // A value that begins with `()` is a function exported by a shell: code, not a setting.
    if (value !== undefined && inherited(name, platform) && !value.startsWith('()')) environment[name] = value
  }
  return { ...environment, ...extra }
}

function inherited(name: string, platform: string): boolean {
  if (platform === 'win32') return windowsNames.has(name.toUpperCase())
  return posixNames.has(name) || name.startsWith('LC_')
}
