/** Installs the suites unless they are there in their versions. Throws when that fails. */
export function installSuites(): void

/** The Node to run the suites on: that of a certain major version, or the oldest that will do. Throws if there is none. */
export function suiteNode(major?: string): string

/** The file to start a suite by. */
export function suiteMain(suite: string): string
