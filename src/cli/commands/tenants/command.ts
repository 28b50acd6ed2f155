/** The command line of `tenants`. */
import { didYouMean } from '../../../base/did-you-mean.ts'
import { addDoorOptions, type DoorWish, doorWishOf } from '../../door.ts'
import { type Subcommand, wrongUsage } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A parsed `tenants` command. */
export interface TenantsRequest extends OutputOptions {
  readonly verb: 'tenants'
  readonly door: DoorWish
  /** The tenant to show; undefined for a list of all. */
  readonly tenant: string | undefined
}

const examples = `
Examples:
  mcplex tenants                                   each tenant: clients and calls now, and what its limits have refused
  mcplex tenants show acme                         what acme may use, its limits, and what is left of them

Tenants are those of the file, and others that use something now. CLIENTS and CALLS are now / at most. REFUSED is what
rates and quotas have refused since the start; WOULD REFUSE is what a dry run would have refused.
Exit codes: 0 listed, 1 there is no such mcplex or tenant, 2 wrong usage, 77 the token was not accepted.`

export const tenantsVerb: Subcommand<TenantsRequest> = {
  name: 'tenants',
  declare(command, asked) {
    command
      .description(
        'list the tenants of a running mcplex, or show one: what it may use, its limits, what is left of them',
      )
      .usage('[options] [list | show <tenant>]')
      .addHelpText('after', examples)
      .argument('[action]', '`list`, which is what it does by default, or `show`')
      .argument('[tenant]', 'the name of a tenant')
    addDoorOptions(command)
    addOutputOptions(command, 'One JSON object on stdout: the tenants, or the one.')
    command.action((action?: string, tenant?: string) => {
      asked({
        verb: 'tenants',
        ...outputOptionsOf(command),
        door: doorWishOf(command),
        tenant: tenantIn(action, tenant),
      })
    })
  },
}

function tenantIn(action: string | undefined, tenant: string | undefined): string | undefined {
  if (action === 'show') {
    if (tenant !== undefined && tenant !== '') return tenant
    throw wrongUsage('show needs the name of a tenant', ['try', 'mcplex tenants, to see them'])
  }
  if (action !== undefined && action !== 'list') {
    const meant = didYouMean(action, ['list', 'show'])
    throw wrongUsage(`'${action}' is no action of tenants`, [
      'try',
      `mcplex tenants ${meant === undefined ? `show ${action}` : `${meant} ${tenant ?? ''}`}`.trim(),
    ])
  }
  if (tenant !== undefined) throw wrongUsage('list takes no tenant', ['try', `mcplex tenants show ${tenant}`])
  return undefined
}
