package org.iommu4j.arm.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.testing.Property;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest edits its tables and says what it edited; after the answer no device sees what was before. */
class SmmuTranslatorPropertyTest {
    private static final int DOMAIN = 3;
    private static final int DEVICE = 0x1a8;
    private static final long CONTEXTS = 0x1000_0000L;
    private static final long ROOTS = 0x2000_0000L;
    private static final int PAGE = 12;
    private static final int BLOCK_SHIFT = 21;
    private static final int REGIONS = 3;
    private static final int PAGES = 4;
    private static final long LEAF = 0xf43;
    private static final long STAGE_2_LEAF = 0x7ff;
    private static final long BLOCK = 2;
    private static final int LEVELS = 4;

    /** The guest: what its tables say, and what it has edited since it last said so. */
    private static final class Guest {
        private final Machine machine;
        private final RandomGenerator random;
        private final int contexts;
        private final boolean shared;
        private final long leaf;
        private final long base;
        private final Map<Long, Long> pages = new HashMap<>();
        private long pool = 0x4000_0000L;
        private long first;
        private long last;
        private boolean tables;
        private String said = "";

        Guest(int subVersion, boolean second, RandomGenerator random) {
            this.random = random;
            CacheConfig[] caches = {
                CacheConfig.WORST_CASE, HardwareConfig.of(subVersion).cache()
            };
            HardwareConfig config =
                    new HardwareConfig(subVersion, Map.of(), Map.of(), caches[random.nextInt(caches.length)], Map.of());
            machine = random.nextBoolean() ? Machine.watched(config) : Machine.of(config);
            contexts = second || subVersion == SmmuGeneration.V3_0 ? 1 : 4;
            leaf = second ? STAGE_2_LEAF : LEAF;
            shared = random.nextBoolean();
            base = random.nextLong(1L << 47) & (-1L << (BLOCK_SHIFT + 2));
            machine.open(DOMAIN);
            if (second) {
                assertEquals(Errno.OK, machine.attach(DOMAIN, DEVICE, root(0), LEVELS), machine.last()::toString);
                return;
            }
            machine.attach(DOMAIN, DEVICE);
            for (int context = 0; context < contexts; context++) {
                machine.store(
                        CONTEXTS + 64L * context, 0x0000_e205_b590_3510L | (long) (context + 1) << 48, root(context));
            }
            int flags = contexts == 1 ? 0 : (int) BindPasidTable.FLAG_DEVICE_TLB.mask();
            assertEquals(
                    Errno.OK,
                    machine.bindContexts(DOMAIN, DEVICE, CONTEXTS, contexts == 1 ? 0 : 2, 2, flags),
                    machine.last()::toString);
        }

        private long root(int context) {
            return ROOTS + (shared ? 0 : (long) context << PAGE);
        }

        private long address(int region, int page) {
            return base + ((long) region << BLOCK_SHIFT) + ((long) page << PAGE);
        }

        /** The entry of level 2 or 3, in a table that is made if it is not there. */
        private long slot(int context, long address, int level) {
            long table = root(context);
            for (int above = 0; above < level; above++) {
                long slot = table + (address >>> (39 - 9 * above) & 0x1ff) * 8;
                if (machine.memory().readLongLe(slot) == 0) {
                    machine.store(slot, pool | 3);
                    pool += 1 << PAGE;
                }
                table = machine.memory().readLongLe(slot) & ~0xfffL;
            }
            return table + (address >>> (39 - 9 * level) & 0x1ff) * 8;
        }

        private void touched(long from, long to) {
            first = first == -1 ? from : Math.min(first, from);
            last = Math.max(last, to);
        }

        /** A page gets another target, or none; or two mebibytes become a block, or nothing. */
        private void edit(int context) {
            int region = random.nextInt(REGIONS);
            long target = (random.nextLong(1L << 20) << BLOCK_SHIFT) & ((1L << 44) - 1);
            long at = slot(context, address(region, 0), 2);
            boolean block = (machine.memory().readLongLe(at) & 3) == 1;
            if (block || random.nextInt(5) == 0) {
                long entry = block || random.nextBoolean() ? 0 : (target | leaf) & ~BLOCK;
                machine.store(at, entry);
                for (int page = 0; page < PAGES; page++) {
                    note(context, region, page, entry == 0 ? -1 : target + ((long) page << PAGE));
                }
                touched(address(region, 0), address(region + 1, 0) - 1);
                tables = true;
                return;
            }
            int page = random.nextInt(PAGES);
            boolean gone = random.nextInt(4) == 0;
            machine.store(slot(context, address(region, page), 3), gone ? 0 : target | leaf);
            note(context, region, page, gone ? -1 : target);
            touched(address(region, page), address(region, page) + (1 << PAGE) - 1);
        }

        private void note(int context, int region, int page, long target) {
            pages.put((shared ? 0 : context) * 64L + region * 8L + page, target);
        }

        /** Says at least what was edited. */
        private void invalidate(int context) {
            boolean one = !shared || contexts == 1;
            boolean range = random.nextInt(4) != 0;
            int onlyLeaves = range && !tables && random.nextBoolean() ? Uapi.FLAGS_VADDR_LEAF : 0;
            int scope = range ? Uapi.SCOPE_VADDR : 0;
            int flags = onlyLeaves;
            int pasid = 0;
            if (one && random.nextInt(3) != 0) {
                if (context == 0 && (contexts == 1 || random.nextBoolean())) {
                    flags |= Uapi.FLAGS_NO_PASID;
                } else {
                    scope |= Uapi.SCOPE_PASID;
                    pasid = context;
                }
            }
            said = scope + " " + flags + ' ' + pasid + ' ' + Long.toHexString(first) + '-' + Long.toHexString(last);
            machine.submit(
                    DOMAIN,
                    new RequestWriter(
                                    Abi.LP64_LE,
                                    IommuModel.ARM_SMMU,
                                    machine.config().subVersion())
                            .invalidate(
                                    scope, flags, pasid, range ? first : 0, range ? last - first + 1 : 0, new byte[0]));
            assertEquals(Errno.OK, machine.last().errno(), machine.last()::toString);
        }

        /** Every page of every context is where the tables say. */
        private void look() {
            for (int context = 0; context < contexts; context++) {
                // With S1DSS = SSID0 nothing may name SubstreamID 0, IHI 0070 3.9.
                int pasid = context == 0 ? DmaAccess.NO_PASID : context;
                for (int region = 0; region < REGIONS; region++) {
                    for (int page = 0; page < PAGES; page++) {
                        long target = pages.getOrDefault((shared ? 0 : context) * 64L + region * 8L + page, -1L);
                        assertEquals(target, machine.read(DEVICE, pasid, address(region, page)), said);
                    }
                }
            }
        }

        void run() {
            for (int round = 0; round < 12; round++) {
                int context = random.nextInt(contexts);
                first = -1;
                last = -1;
                tables = false;
                int edits = 1 + random.nextInt(4);
                for (int i = 0; i < edits; i++) {
                    edit(context);
                }
                invalidate(context);
                look();
                if (random.nextInt(6) == 0) {
                    machine.swap();
                    look();
                }
            }
            Sanitizer sanitizer = machine.platform().sanitizer();
            if (sanitizer != null) {
                // A guest may name what nothing has cached.
                List<Finding> findings = sanitizer.report().findings();
                findings.stream()
                        .filter(finding -> finding.kind() != Finding.Kind.SUPERFLUOUS)
                        .forEach(finding -> fail(finding.toString()));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0x0300, 0x0301, 0x0302, 0x0303, 0x0304})
    void shouldDropWhateverAnInvalidationNames(int subVersion) {
        Property.check(60, random -> new Guest(subVersion, false, random).run());
    }

    @ParameterizedTest
    @ValueSource(ints = {0x0300, 0x0301, 0x0302, 0x0303, 0x0304})
    void shouldDropWhateverAnInvalidationNamesOfAHostsTable(int subVersion) {
        Property.check(60, random -> new Guest(subVersion, true, random).run());
    }
}
