package org.iommu4j.amd.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.iommu4j.amd.Machine;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.Gcr3Entry;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
import org.iommu4j.testing.MovedPages;
import org.iommu4j.testing.Property;
import org.iommu4j.testing.ShimLaws;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The law behind shims: a guest's command, a shim and a newer or older chip leave the same translations cached as the command on a
 * chip of the guest's own generation, or fewer and say so; and they refuse the same requests.
 */
final class ShimEquivalencePropertyTest {
    private static final int ROUNDS = 60;
    private static final int PAGES = 8;
    private static final int NO_PASID = InvalidateIommuPages.NO_PASID;
    private static final int DOMAIN = 1;
    private static final int OTHER_DOMAIN = 2;
    private static final int PASID_DEVICE = 0x10;
    private static final int HOST_DEVICE = 0x18;
    private static final int STRANGER = 0x20;
    private static final int[] PASIDS = {1, 2};
    private static final int UNBOUND = 3;

    /** The guest's names for its domains, and one that it has not bound. */
    private static final int FIRST_DOMAIN = 5;

    private static final int UNKNOWN_DOMAIN = 7;

    private static final long HOST_TABLE = 0x10_0000L;
    private static final long POOL = 0x11_0000L;
    private static final long SAME_FIRST = 0x20_0000L;
    private static final long GCR3 = 0x20_0000L;
    private static final long GUEST_TABLE = 0x21_0000L;
    private static final long GUEST_POOL = 0x22_0000L;
    private static final long OLD = 0x30_0000L;
    private static final long NEW = 0x38_0000L;
    private static final long SAME_LAST = 0x3f_f000L;
    private static final long IOVA = 0x5000_0000L;
    private static final long GUEST_ADDRESS = 0x7f00_0000_0000L;

    /** What guest tables stand on. */
    enum Guests {
        NONE,
        ABOVE_PASS_THROUGH,
        NESTED
    }

    static List<Shim> shims() {
        return GuestCommandShim.all();
    }

    /** Which guest tables a guest of one generation can have on chips of both. */
    static Guests guests(int from, int to) {
        Set<Integer> pair = new TreeSet<>(List.of(from, to));
        if (pair.contains(AmdViGeneration.V1)
                || from == AmdViGeneration.NESTED
                || pair.equals(Set.of(AmdViGeneration.SNP, AmdViGeneration.NESTED))) {
            return Guests.NONE;
        }
        return pair.contains(AmdViGeneration.SNP) ? Guests.NESTED : Guests.ABOVE_PASS_THROUGH;
    }

    /** A chip with the bindings of a guest, whose pages can be moved and looked at. */
    static final class Scene implements MovedPages.Pages {
        private final Machine machine;
        private final Guests guests;
        private final boolean namesDomains;
        private final DmaAccess access = new DmaAccess();
        private final List<Reach> pages = new ArrayList<>();
        private final Map<Reach, Integer> numbers = new HashMap<>();
        private final long[] hostEntries = new long[PAGES];
        private final long[] guestEntries = new long[PAGES];

        Scene(int guest, int chip, Guests guests, boolean severalDomains) {
            this.guests = guests;
            namesDomains = guest == AmdViGeneration.NESTED;
            machine = Machine.of(new HardwareConfig(chip, Map.of(), Map.of(), CacheConfig.WORST_CASE, Map.of()));
            long pool = POOL;
            for (long page = SAME_FIRST; page <= SAME_LAST; page += 0x1000) {
                pool = machine.mapHost(HOST_TABLE, 4, page, page, pool);
            }
            for (int page = 0; page < PAGES; page++) {
                long offset = page * 0x1000L;
                machine.mapHost(HOST_TABLE, 4, IOVA + offset, OLD + offset, POOL + 0x8000);
                machine.mapGuest(GUEST_TABLE, GUEST_ADDRESS + offset, OLD + offset, GUEST_POOL);
                hostEntries[page] = machine.entryOf(HOST_TABLE, IOVA + offset);
                guestEntries[page] = machine.entryOf(GUEST_TABLE, GUEST_ADDRESS + offset);
                reach(offset);
            }
            pages.forEach(page -> numbers.put(page, numbers.size()));
            machine.translator().tap(null);
            machine.open(DOMAIN);
            machine.open(OTHER_DOMAIN);
            int second = severalDomains ? FIRST_DOMAIN + 1 : FIRST_DOMAIN;
            bindTable(DOMAIN, PASID_DEVICE, guests != Guests.ABOVE_PASS_THROUGH, FIRST_DOMAIN);
            bindTable(DOMAIN, HOST_DEVICE, true, second);
            bindTable(OTHER_DOMAIN, STRANGER, true, FIRST_DOMAIN);
            if (guests != Guests.NONE) {
                for (int pasid : PASIDS) {
                    machine.memory().writeLongLe(GCR3 + pasid * 8L, GUEST_TABLE | Gcr3Entry.V.mask());
                }
                bind(
                        DOMAIN,
                        Uapi.BIND_PASIDTBL,
                        0,
                        BindPasidTable.LAYOUT.encode(GCR3, BindPasidTable.REQUESTER.of(PASID_DEVICE), 0));
            }
        }

        private void bindTable(int domain, int device, boolean table, int guestDomain) {
            machine.attach(domain, device);
            long flags = BindPgtable.FLAG_DEVICE_TLB.mask() | (table ? 0 : BindPgtable.FLAG_PASS_THROUGH.mask());
            bind(
                    domain,
                    Uapi.BIND_PGTABLE,
                    (int) flags,
                    BindPgtable.LAYOUT.encode(
                            table ? HOST_TABLE : 0,
                            BindPgtable.REQUESTER.of(device) | BindPgtable.MODE.of(table ? 4 : 0),
                            BindPgtable.GUEST_DOMAIN_ID.of(namesDomains ? guestDomain : 0)));
        }

        /** Formats of binds are the same in both generations: the number alone changes. */
        private void bind(int domain, int operation, int flags, byte[] payload) {
            Completion completion = new Completion();
            BindRequest request = new BindRequest();
            request.set(operation, machine.config().subVersion(), flags, payload, 0, payload.length);
            machine.translator().bind(domain, request, completion);
            assertEquals(Errno.OK, completion.errno(), completion::toString);
        }

        /** A page as a device reaches it. */
        private record Reach(int device, int pasid, long iova) {}

        private void reach(long offset) {
            pages.add(new Reach(HOST_DEVICE, NO_PASID, IOVA + offset));
            pages.add(new Reach(STRANGER, NO_PASID, IOVA + offset));
            if (guests != Guests.ABOVE_PASS_THROUGH) {
                pages.add(new Reach(PASID_DEVICE, NO_PASID, IOVA + offset));
            }
            for (int pasid : guests == Guests.NONE ? new int[0] : PASIDS) {
                pages.add(new Reach(PASID_DEVICE, pasid, GUEST_ADDRESS + offset));
            }
        }

        @Override
        public int count() {
            return pages.size();
        }

        @Override
        public void move(boolean toSecondPlace) {
            for (int page = 0; page < PAGES; page++) {
                long where = (toSecondPlace ? NEW : OLD) + page * 0x1000L;
                machine.memory().writeLongLe(hostEntries[page], where | Machine.HOST_RIGHTS);
                machine.memory().writeLongLe(guestEntries[page], where | Machine.GUEST_RIGHTS);
            }
        }

        @Override
        public void forget() {
            machine.invalidate(DOMAIN, 0, 0, 0, 0);
            machine.invalidate(OTHER_DOMAIN, 0, 0, 0, 0);
        }

        @Override
        public boolean leads(int page, boolean toSecondPlace) {
            Reach reach = pages.get(page);
            machine.chip()
                    .translate(access.begin(reach.device(), reach.iova(), DmaAccess.READ)
                            .withPasid(reach.pasid()));
            return access.spa() == (toSecondPlace ? NEW : OLD) + (reach.iova() & 0xf000);
        }

        @Override
        public void fillOthers() {
            for (Reach reach : pages) {
                machine.chip()
                        .translate(access.begin(reach.device(), reach.iova(), DmaAccess.READ)
                                .withPasid(reach.pasid())
                                .as(AddressType.TRANSLATION_REQUEST));
                assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome());
            }
        }

        @Override
        public void noteOthers(BitSet left) {
            machine.chip().visitCache((cache, tag, pasid, iova, length, pa) -> {
                if (cache.equals("device-tlb")) {
                    left.set(pages.size() + numbers.get(new Reach((int) tag, pasid, iova)));
                }
            });
        }

        @Override
        public void carryOut(InvalidateRequest request, Completion completion) {
            if (machine.translator().invalidate(DOMAIN, request, completion) == 0) {
                machine.translator().finish(completion);
            }
        }
    }

    /** A command of a guest with the generic part that agrees with it, and now and then a wrong bit. */
    static InvalidateRequest[] requests(int from, Guests guests, SplittableRandom random) {
        boolean newTypes = from >= AmdViGeneration.V3;
        boolean deviceTlb = random.nextInt(3) == 0;
        boolean range = random.nextInt(4) != 0;
        boolean leaf = range && !deviceTlb && random.nextBoolean();
        int pasid = guests == Guests.NONE || random.nextInt(3) == 0 ? NO_PASID : 1 + random.nextInt(UNBOUND);
        int order = random.nextInt(4);
        long base =
                (pasid == NO_PASID ? IOVA : GUEST_ADDRESS) + ((long) random.nextInt(PAGES >> order) << (12 + order));
        int shift = range ? 12 + order : SizeEncoding.ALL;
        int device = random.nextInt(8) == 0 ? STRANGER : random.nextBoolean() ? PASID_DEVICE : HOST_DEVICE;
        int domain = from == AmdViGeneration.NESTED
                ? random.nextInt(8) == 0 ? UNKNOWN_DOMAIN : FIRST_DOMAIN + random.nextInt(2)
                : random.nextInt(16) == 0 ? FIRST_DOMAIN : 0;
        long word0 =
                deviceTlb ? InvalidateIotlbPages.word0(device, 0, 0, pasid) : InvalidateIommuPages.word0(domain, pasid);
        long word1 = deviceTlb
                ? InvalidateIotlbPages.word1(pasid, base, shift, newTypes ? random.nextInt(4) : 0)
                : InvalidateIommuPages.word1(pasid, base, shift, !leaf);
        if (random.nextInt(12) == 0) {
            word0 ^= 1L << random.nextInt(Long.SIZE);
        } else if (random.nextInt(12) == 0) {
            word1 ^= 1L << random.nextInt(Long.SIZE);
        }
        byte[] payload = random.nextInt(8) == 0 ? new byte[0] : InvalidateIommuPages.LAYOUT.encode(word0, word1);
        InvalidateRequest[] both = new InvalidateRequest[2];
        for (int i = 0; i < both.length; i++) {
            both[i] = new InvalidateRequest()
                    .set(
                            (range ? Uapi.SCOPE_VADDR : 0) | (pasid == NO_PASID ? 0 : Uapi.SCOPE_PASID),
                            (pasid == NO_PASID ? Uapi.FLAGS_NO_PASID : 0) | (leaf ? Uapi.FLAGS_VADDR_LEAF : 0),
                            pasid == NO_PASID ? 0 : pasid,
                            range ? base : 0,
                            range ? 1L << shift : 0,
                            from,
                            payload,
                            0,
                            payload.length);
        }
        return both;
    }

    @ParameterizedTest
    @MethodSource("shims")
    void shouldLeaveTheSameCachedAsAChipOfTheGuestsGeneration(Shim shim) {
        Guests guests = guests(shim.from(), shim.to());
        for (boolean severalDomains : new boolean[] {false, true}) {
            MovedPages own = new MovedPages(new Scene(shim.from(), shim.from(), guests, severalDomains));
            MovedPages other = new MovedPages(new Scene(shim.from(), shim.to(), guests, severalDomains));
            Property.check(ROUNDS, random -> {
                InvalidateRequest[] requests = requests(shim.from(), guests, random);
                Completion without = new Completion();
                BitSet left = own.leftAfter(requests[0], without);
                Completion with = new Completion();
                if (shim.rewrite(requests[1], with) != 0) {
                    assertNotEquals(Errno.OK, without.errno(), with::toString);
                    return;
                }
                BitSet leftByOther = other.leftAfter(requests[1], with);
                assertTrue(ShimLaws.isPart(leftByOther, left), () -> left + " but " + leftByOther);
                if (without.errno() == Errno.OK && with.fidelity() == without.fidelity()) {
                    assertEquals(left, leftByOther);
                }
                if (without.errno() != Errno.ENOENT) {
                    // H17: a domain of the guest that nobody is in is not told from the others.
                    assertEquals(without.errno() + " " + without.rule(), with.errno() + " " + with.rule());
                }
                if (without.fidelity() == Fidelity.EXACT && with.fidelity() == Fidelity.WIDENED) {
                    assertEquals(Fidelity.WIDENED, shim.fidelity());
                    assertTrue(severalDomains || InvalidateIotlbPages.TYPE.isSet(word1(requests[0])));
                }
            });
        }
    }

    private static long word1(InvalidateRequest request) {
        return InvalidateIotlbPages.LAYOUT.word(request.payload(), request.payloadOffset(), 1);
    }
}
