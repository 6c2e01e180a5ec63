"""Library: all services over one data directory. Any number of processes may have one open at the same time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from mylist_dav.errors import BadSettings, Invalid, NotFound
from mylist_dav.model.actors import Actor
from mylist_dav.model.archives.members import Limits
from mylist_dav.model.audit import Action
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.peers import Peer
from mylist_dav.services.accounts.grants import Grants
from mylist_dav.services.accounts.identity import Identity
from mylist_dav.services.accounts.key_proofs import KeyProofs
from mylist_dav.services.accounts.logins import Logins, own_addresses, own_hosts
from mylist_dav.services.accounts.server_key import SERVER_KEY_FILE, ServerKey
from mylist_dav.services.archives.exports import Exports
from mylist_dav.services.archives.imports import Imports
from mylist_dav.services.archives.manifests import Manifests
from mylist_dav.services.archives.whole_trees import WholeTrees
from mylist_dav.services.audit import Audit
from mylist_dav.services.contents.files import Files
from mylist_dav.services.contents.holdings import Holdings
from mylist_dav.services.contents.uploads import Uploads
from mylist_dav.services.exposing.exposed import Exposed
from mylist_dav.services.exposing.exposures import Exposures
from mylist_dav.services.exposing.gates import Gates
from mylist_dav.services.exposing.phrases import RUNS_MAX
from mylist_dav.services.exposing.sites import Sites
from mylist_dav.services.jobs.jobs import JobLimits, Jobs
from mylist_dav.services.jobs.kinds import check_kind, file_kind, import_kind, verify_kind
from mylist_dav.services.jobs.running import Runner
from mylist_dav.services.ledger import Ledger
from mylist_dav.services.limits.rates import Throttle
from mylist_dav.services.limits.turns import Hashing
from mylist_dav.services.tree.changes import Changes
from mylist_dav.services.tree.differences import Differences
from mylist_dav.services.tree.flists import Flists
from mylist_dav.services.tree.labels import Labels
from mylist_dav.services.tree.locks import Locks
from mylist_dav.services.tree.properties import Properties
from mylist_dav.services.tree.trees import Trees
from mylist_dav.services.upkeep.checks import Upkeep
from mylist_dav.services.upkeep.collecting import Collector
from mylist_dav.services.upkeep.collecting_turns import CollectingTurns
from mylist_dav.services.upkeep.health import Watch
from mylist_dav.settings import PeerSettings, Settings
from mylist_dav.store.blockstore.cached import CachedBlocks
from mylist_dav.store.blockstore.filer import Filer
from mylist_dav.store.blockstore.files import Durability, FileBlocks
from mylist_dav.store.blockstore.intake import Intake, IntakeBlocks
from mylist_dav.store.bodies import Bodies
from mylist_dav.store.catalog import Catalog
from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.owners import Owners
from mylist_dav.store.processes.places import SharedPlaces
from mylist_dav.store.processes.stopping import StopSign
from mylist_dav.store.processes.tries import SharedTries
from mylist_dav.store.secrets import SecretFile

CATALOG = "catalog.sqlite"
LIMITS = "limits"
"""The folder of what all processes count together."""
_HOUR_NS = 3600 * 1_000_000_000


class Library:
    """The services of one data directory.

    Opening it makes the directory when it is new, and brings its catalog to the newest schema. close() lets go of
    everything. The attributes are the services; blocks is the store that the slices of contents are read from.
    """

    def __init__(self, settings: Settings, clock: Callable[[], int], *, make: bool = True) -> None:
        """clock: nanoseconds since the epoch. make: a data directory that is new; else NotFound is raised for it.

        Raises BadSettings (catalog of a newer version), OutOfSpace, ...
        """
        self.settings = settings
        self.clock = clock
        root = Path(settings.store.data)
        if not make and not Catalog.is_at(root / CATALOG):
            raise NotFound(
                f"there is no data of mylist in {settings.store.data}: give --data, or begin with serve or import"
            )
        self._open_store(root)
        self._open_trees(root)
        self._open_accounts(root)
        self._open_sites(root)
        self._open_blocks(root)
        self._open_jobs(root)

    def _open_store(self, root: Path) -> None:
        """What survives a restart."""
        settings = self.settings
        durability: Durability = "full" if settings.store.durability == "full" else "os"
        self.stop_sign = StopSign(root / "writes-stopped")
        self.files = FileBlocks(root, durability, stop_sign=self.stop_sign)
        self.catalog = Catalog(
            root / CATALOG,
            clock=self.clock,
            durability=durability,
            busy_seconds=settings.catalog.busy_seconds,
            may_write=self.stop_sign.check,
            on_write_failure=self.stop_sign.stop,
            has_file=self.files.has,
        )
        self._stored = IntakeBlocks(self.files, self.catalog)
        self.blocks = CachedBlocks(self._stored, settings.store.cache_bytes)
        self.intake = Intake(self.files)
        self._filer = Filer(self.catalog, self.files, self.intake, root / "intake-turn")
        self._tries = SharedTries(root / LIMITS / "tries")
        self._places_asking = SharedTries(root / LIMITS / "addresses")
        self._accounts_asking = SharedTries(root / LIMITS / "accounts")
        self._hashing = SharedPlaces(root / LIMITS / "hashing", RUNS_MAX)

    def _open_trees(self, root: Path) -> None:
        """Flists and what is in them; what was done with them."""
        limits, clock, catalog = self.settings.limits, self.clock, self.catalog
        self.ledger = Ledger(catalog, clock, self.settings.audit.days)
        self.audit = Audit(catalog)
        self.flists = Flists(catalog)
        self.trees = Trees(catalog, self.blocks, clock, limits.entries_max)
        self.uploads = Uploads(catalog, self.blocks, clock, limits.entries_max, self.intake)
        self.labels = Labels(catalog)
        self.differences = Differences(catalog)
        self.hashing = Hashing()
        self.changes = Changes(
            catalog, self.blocks, clock, limits.entries_max, self.differences, self.hashing
        )
        self.locks = Locks(
            catalog, clock, limits.lock_seconds_max, limits.locks_max, entries_max=limits.entries_max
        )
        self.properties = Properties(catalog)
        archive_limits = Limits(members=limits.archive_members_max, size_bytes=limits.archive_bytes_max)
        self.imports = Imports(catalog, self.blocks, clock, root, archive_limits, limits.entries_max)
        self.whole_trees = WholeTrees(catalog, self.imports, self.changes)
        self.exports = Exports(catalog, self.blocks, root, self.ledger)

    def _open_sites(self, root: Path) -> None:
        """What is shown to visitors, and to whoever watches over the server."""
        settings = self.settings
        self.exposures = Exposures(
            self.catalog,
            protected_prefixes=settings.sites.protected_prefixes,
            own_hosts=own_hosts(settings.server.public_url, settings.server.hosts),
            base_domain=settings.accounts.base_domain,
            hashing=self._hashing,
        )
        self.sites = Sites(self.catalog)
        self.exposed = Exposed(self.catalog)
        self.gates = Gates(
            self.catalog,
            self.identity,
            self.clock,
            self.server_key.mac,
            settings.sites.visit_hours * 3600,
            counted=self._tries,
            places=self._hashing,
        )
        self.throttle = Throttle(
            settings.rates, self.clock, addresses=self._places_asking, accounts=self._accounts_asking
        )
        self.watch = Watch(self.catalog, self.stop_sign, root, settings.health, self.clock)
        self.upkeep = Upkeep(self.catalog, self._stored, self.stop_sign)

    def _open_jobs(self, root: Path) -> None:
        """Work that outlives a request."""
        asked, disk = self.settings.jobs, Disk()
        limits = self.settings.limits
        self.jobs = Jobs(
            self.catalog,
            Owners(root / "run" / "owners", disk),
            Bodies(
                root / "jobs", disk, min(limits.body_bytes_max, asked.body_bytes_max), asked.body_bytes_max
            ),
            JobLimits(
                asked.unfinished_max,
                asked.unfinished_per_account_max,
                asked.waiters_max,
                self.settings.server.threads // 4,
                asked.days,
                asked.rows_max,
            ),
            self_service=self.settings.accounts.self_service,
        )
        self.peers = tuple(map(_peer, self.settings.peers))
        self.jobs.register(import_kind(self.imports))
        self.jobs.register(verify_kind(self.upkeep))
        self.jobs.register(file_kind(self.single_files, self.trees))
        self.jobs.register(check_kind(self.single_files))
        self._runner = Runner(self.jobs, self.clock, asked.threads)

    def _open_blocks(self, root: Path) -> None:
        """Blocks and files by their ids, and what becomes of blocks that nobody needs."""
        grace_ns = self.settings.store.collect_grace_hours * _HOUR_NS
        every_ns = self.settings.store.collect_every_minutes * _HOUR_NS // 60
        self.holdings = Holdings(
            self.catalog, self._stored, self.files.delete, self.clock, grace_ns, self.intake
        )
        self.collector = Collector(self.catalog, self.files, self.clock, root, grace_ns)
        self._collecting = CollectingTurns(self.collector, self.clock, every_ns)
        self.single_files = Files(
            self.catalog,
            self._stored,
            self.flists,
            self.uploads,
            digests_are_keys=self.settings.files.digests_are_keys,
        )

    def _open_accounts(self, root: Path) -> None:
        """Who there is, and the key that the server proves itself with."""
        settings, clock = self.settings, self.clock
        self.server_key = ServerKey(SecretFile(root, SERVER_KEY_FILE), clock, record=self._record_server_key)
        self.key_proofs = KeyProofs(self.server_key, clock)
        self.grants = Grants(self.catalog)
        self.identity = Identity(
            self.catalog,
            clock,
            settings.tokens.days_max,
            self_service=settings.accounts.self_service,
            ledger=self.ledger,
            proofs=self.key_proofs,
        )
        addresses = own_addresses(settings.server.public_url, settings.server.listen)
        self.manifests = Manifests(self.catalog, self.server_key, addresses[0] if addresses else "")
        self.logins = Logins(
            self.catalog,
            self.server_key,
            clock,
            addresses,
            life_seconds=settings.tokens.days_default * 86_400,
            ledger=self.ledger,
            counted=self._tries,
        )

    def _record_server_key(self, actor: Actor, old: PublicKey, new: PublicKey) -> None:
        detail = {"old": str(old), "new": str(new)}
        self.catalog.change(lambda draft: draft.record(actor, Action.SERVER_KEY, "", detail))

    def reading(self) -> AbstractContextManager[object]:
        """Everything that this thread reads in here is of one state. Nothing may be changed in here."""
        return self.catalog.view()

    def start_filing(self) -> None:
        """Let the blocks of small uploads go to the catalog first, and have a thread file them.

        Another thread writes what was counted, and one deletes blocks that nobody needs. For a process that stays; to
        be called after any fork.
        """
        self._filer.start()
        self._collecting.start()
        self.ledger.start()

    def start_jobs(self) -> None:
        """Have threads run jobs. For a process that stays; to be called after any fork, when all kinds are known."""
        self._runner.start()

    def close(self) -> None:
        """Close the catalog and the block store. Requests that still run end with an error."""
        self._runner.close()
        self._collecting.close()
        self._filer.close()
        self.ledger.close()
        self.identity.close()
        self.catalog.close()
        self.imports.close()
        self.exports.close()
        self.collector.close()
        self.files.close()
        for counted in (self._tries, self._places_asking, self._accounts_asking):
            counted.close()
        self._hashing.close()
        self.stop_sign.close()


def _peer(asked: PeerSettings) -> Peer:
    try:
        return Peer.checked(asked.name, asked.url, asked.key, private=asked.private)
    except Invalid as error:
        raise BadSettings(f"[[peers]] {asked.name}: {error}") from error
