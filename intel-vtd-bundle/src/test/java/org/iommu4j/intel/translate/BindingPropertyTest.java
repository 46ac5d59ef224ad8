package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.testing.Property;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Random lives of domains, devices and tables against a plain model, on a chip that keeps everything that the architecture
 * permits: whatever came before, a device reads through the table that it is bound to now, or is blocked.
 */
class BindingPropertyTest {
    private static final int DEVICES = 6;
    private static final int DOMAINS = 3;
    private static final int TABLES = 4;
    private static final int PAGES = 3;
    private static final int NO_PASID = Uapi.FLAGS_NO_PASID;

    /** The model: where each device is, what it is bound to, and what the tables say. */
    private static final class World {
        private final Machine machine;
        private final SplittableRandom random;
        private final int levels;
        private final int[] domainOf = new int[DEVICES];
        private final int[] tableOf = new int[DEVICES];
        private final Map<Integer, Integer> flagsOf = new HashMap<>();
        private final long[][] target = new long[TABLES][PAGES];
        private final TreeSet<Integer> open = new TreeSet<>();
        private long next = 0x10_0000_0000L;

        World(Machine machine, int levels, SplittableRandom random) {
            this.machine = machine;
            this.levels = levels;
            this.random = random;
            next = levels == 3 ? 0x1_0000_0000L : next;
            for (int table = 0; table < TABLES; table++) {
                for (int page = 0; page < PAGES; page++) {
                    edit(table, page);
                }
            }
            for (int device = 0; device < DEVICES; device++) {
                domainOf[device] = -1;
                tableOf[device] = -1;
            }
        }

        private static long root(int table) {
            return 0x100_0000L + table * 0x10_0000L;
        }

        /** Pages far apart and near each other, so that they share some tables and not others. */
        private static long iova(int page) {
            return page == 2 ? 0x40_0000_0000L - 0x1000 : 0x1_2345_6000L + page * 0x1000L;
        }

        private static int requester(int device) {
            return device * 0x1111 & 0xffff;
        }

        private void edit(int table, int page) {
            target[table][page] = next;
            machine.map(root(table), levels, iova(page), next, root(table) + 0x1000 + page * 0x8000L);
            next += 0x1000;
        }

        void step() {
            int device = random.nextInt(DEVICES);
            int domain = random.nextInt(DOMAINS);
            int table = random.nextInt(TABLES);
            switch (random.nextInt(9)) {
                case 0 -> openOrClose(domain);
                case 1 -> attach(device, domain, -1);
                case 2 -> attach(device, domain, table);
                case 3 -> detach(device);
                case 4, 5 -> bind(device, table);
                case 6 -> unbind(device);
                case 7 -> editAndInvalidate(table, random.nextInt(PAGES));
                default -> machine.swap();
            }
        }

        private void openOrClose(int domain) {
            if (open.add(domain)) {
                assertEquals(Errno.OK, machine.open(domain));
            } else if (random.nextInt(3) == 0) {
                open.remove(domain);
                assertEquals(Errno.OK, machine.close(domain));
                for (int device = 0; device < DEVICES; device++) {
                    if (domainOf[device] == domain) {
                        domainOf[device] = -1;
                        tableOf[device] = -1;
                    }
                }
            }
        }

        private void attach(int device, int domain, int table) {
            Errno expected = !open.contains(domain)
                    ? Errno.ENOENT
                    : domainOf[device] == domain ? Errno.EEXIST : domainOf[device] != -1 ? Errno.EBUSY : Errno.OK;
            assertEquals(expected, machine.attach(domain, requester(device), table == -1 ? -1 : root(table), levels));
            if (expected == Errno.OK) {
                domainOf[device] = domain;
                tableOf[device] = table;
                flagsOf.put(device, 0);
            }
        }

        private void detach(int device) {
            if (domainOf[device] != -1) {
                assertEquals(Errno.OK, machine.detach(domainOf[device], requester(device)));
                domainOf[device] = -1;
                tableOf[device] = -1;
            }
        }

        private void bind(int device, int table) {
            if (domainOf[device] != -1) {
                int flags = levels == 4 && random.nextBoolean() ? BindPgtable.DEVICE_TLB : 0;
                assertEquals(Errno.OK, machine.bind(domainOf[device], requester(device), root(table), flags));
                tableOf[device] = table;
                flagsOf.put(device, flags | 1 << 30);
            }
        }

        private void unbind(int device) {
            // A binding of attach has no guest domain id, so that an unbind by request does not name it.
            if (tableOf[device] != -1 && (flagsOf.get(device) & 1 << 30) != 0) {
                int flags = (flagsOf.get(device) & BindPgtable.FLAGS) | Uapi.BIND_FLAG_UNBIND;
                assertEquals(Errno.OK, machine.bind(domainOf[device], requester(device), root(tableOf[device]), flags));
                tableOf[device] = -1;
            }
        }

        private void editAndInvalidate(int table, int page) {
            edit(table, page);
            TreeSet<Integer> users = new TreeSet<>();
            for (int device = 0; device < DEVICES; device++) {
                if (tableOf[device] == table) {
                    users.add(domainOf[device]);
                }
            }
            for (int domain : users) {
                boolean range = random.nextBoolean();
                int flags = random.nextBoolean() ? NO_PASID : 0;
                assertEquals(
                        Errno.OK,
                        machine.invalidate(
                                domain,
                                range ? Uapi.SCOPE_VADDR : 0,
                                flags,
                                range ? iova(page) : 0,
                                range ? 0x1000 : 0));
            }
        }

        void check() {
            for (int device = 0; device < DEVICES; device++) {
                for (int page = 0; page < PAGES; page++) {
                    long expected = tableOf[device] == -1 ? -1 : target[tableOf[device]][page];
                    assertEquals(expected, machine.read(requester(device), iova(page)), "device " + device);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0x100, 0", "0x110, 0", "0x110, 1", "0x300, 0", "0x400, 1", "0x500, 0"})
    void shouldReadThroughWhatIsBoundNow(String subVersion, long cachingMode) {
        int generation = Integer.decode(subVersion);
        Property.check(generation < 0x300 ? 60 : 15, random -> {
            HardwareConfig config = new HardwareConfig(
                    generation, Map.of("cap", Map.of("CM", cachingMode)), Map.of(), CacheConfig.WORST_CASE, Map.of());
            World world = new World(Machine.of(config), generation == 0x100 ? 3 : 4, random);
            for (int i = 0; i < 60; i++) {
                world.step();
                world.check();
            }
        });
    }
}
