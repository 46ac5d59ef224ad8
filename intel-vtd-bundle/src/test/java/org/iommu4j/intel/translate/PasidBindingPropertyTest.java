package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.testing.Property;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Random lives of PASIDs, on a chip and on devices that keep everything that the architecture permits: whatever came before, requests
 * of a PASID, and those without one, read through the table that they are bound to now, or are blocked.
 */
class PasidBindingPropertyTest {
    private static final int DEVICES = 3;
    private static final int DOMAINS = 2;
    private static final int TABLES = 4;
    private static final int PAGES = 3;
    private static final int[] PASIDS = {0, 1, 0x45, 0xf_ffff};

    private record Key(int device, int pasid) {}

    private record Binding(int table, int flags) {}

    private record Held(int requester, int pasid, long iova) {}

    /** The model: where each device is, what each PASID is bound to, what the tables say, what devices hold. */
    private static final class World {
        private final SplittableRandom random;
        private final Machine machine;
        private final int[] domainOf = new int[DEVICES];
        private final Map<Key, Binding> bound = new HashMap<>();
        private final Map<Held, Long> deviceTlb = new HashMap<>();
        private final long[][] target = new long[TABLES][PAGES];
        private long next = 0x10_0000_0000L;

        World(HardwareConfig config, SplittableRandom random) {
            this.random = random;
            machine = Machine.of(config, this::drop);
            for (int domain = 0; domain < DOMAINS; domain++) {
                assertEquals(Errno.OK, machine.open(domain));
            }
            for (int table = 0; table < TABLES; table++) {
                for (int page = 0; page < PAGES; page++) {
                    edit(table, page);
                }
            }
            java.util.Arrays.fill(domainOf, -1);
        }

        private boolean drop(int requester, int pasid, long iova, long bytes) {
            deviceTlb
                    .keySet()
                    .removeIf(held -> held.requester() == requester
                            && (pasid == -1 ? held.pasid() == DmaAccess.NO_PASID : pasid == -2 || held.pasid() == pasid)
                            && (bytes == 0 || (held.iova() - iova >= 0 && held.iova() - iova < bytes)));
            return true;
        }

        private static long root(int table) {
            return 0x100_0000L + table * 0x10_0000L;
        }

        private static boolean isFirstStage(int table) {
            return table >= TABLES / 2;
        }

        private static long iova(int page) {
            return page == 2 ? 0x40_0000_0000L - 0x1000 : 0x1_2345_6000L + page * 0x1000L;
        }

        private static int requester(int device) {
            return device * 0x1191 & 0xffff;
        }

        private void edit(int table, int page) {
            target[table][page] = next;
            int rights = isFirstStage(table) ? 7 : 3;
            machine.map(root(table), 4, iova(page), next, root(table) + 0x1000 + page * 0x8000L, rights);
            next += 0x1000;
        }

        void step() {
            int device = random.nextInt(DEVICES);
            int pasid = PASIDS[random.nextInt(PASIDS.length)];
            switch (random.nextInt(9)) {
                case 0 -> attach(device, random.nextInt(DOMAINS));
                case 1 -> detach(device);
                case 2, 3, 4 -> bind(device, pasid, random.nextInt(TABLES));
                case 5 -> unbind(device, pasid);
                case 6, 7 -> editAndInvalidate(random.nextInt(TABLES), random.nextInt(PAGES));
                default -> machine.swap();
            }
        }

        private void attach(int device, int domain) {
            if (domainOf[device] == -1) {
                assertEquals(Errno.OK, machine.attach(domain, requester(device)));
                domainOf[device] = domain;
            }
        }

        private void detach(int device) {
            if (domainOf[device] != -1 && random.nextInt(3) == 0) {
                assertEquals(Errno.OK, machine.detach(domainOf[device], requester(device)));
                domainOf[device] = -1;
                bound.keySet().removeIf(key -> key.device() == device);
            }
        }

        private Errno request(int device, int pasid, Binding binding, int unbind) {
            int flags = binding.flags() | unbind;
            long root = root(binding.table());
            return pasid == 0
                    ? machine.bind(domainOf[device], requester(device), root, flags)
                    : machine.bindPasid(domainOf[device], requester(device), pasid, root, flags);
        }

        private void bind(int device, int pasid, int table) {
            if (domainOf[device] == -1) {
                return;
            }
            boolean tlb = random.nextBoolean();
            Binding binding = new Binding(
                    table,
                    (tlb ? BindPgtable.DEVICE_TLB : 0)
                            | (isFirstStage(table) ? (int) BindPgtable.FLAG_FIRST_STAGE.mask() : 0));
            boolean differs = bound.entrySet().stream()
                    .anyMatch(other -> other.getKey().device() == device
                            && other.getKey().pasid() != pasid
                            && (other.getValue().flags() & BindPgtable.DEVICE_TLB)
                                    == (tlb ? 0 : BindPgtable.DEVICE_TLB));
            assertEquals(differs ? Errno.EBUSY : Errno.OK, request(device, pasid, binding, 0));
            if (!differs) {
                bound.put(new Key(device, pasid), binding);
            }
        }

        private void unbind(int device, int pasid) {
            Binding binding = bound.remove(new Key(device, pasid));
            if (binding != null) {
                assertEquals(Errno.OK, request(device, pasid, binding, Uapi.BIND_FLAG_UNBIND));
            }
        }

        private void editAndInvalidate(int table, int page) {
            edit(table, page);
            for (int domain = 0; domain < DOMAINS; domain++) {
                TreeSet<Integer> users = new TreeSet<>();
                for (Map.Entry<Key, Binding> entry : bound.entrySet()) {
                    if (entry.getValue().table() == table
                            && domainOf[entry.getKey().device()] == domain) {
                        users.add(entry.getKey().pasid());
                    }
                }
                boolean range = random.nextBoolean();
                if (random.nextInt(3) == 0) {
                    invalidate(domain, 0, 0, 0, range, page);
                    continue;
                }
                for (int pasid : users) {
                    if (pasid == 0) {
                        invalidate(domain, 0, Uapi.FLAGS_NO_PASID, 0, range, page);
                    } else {
                        invalidate(domain, Uapi.SCOPE_PASID, 0, pasid, range, page);
                    }
                }
            }
        }

        private void invalidate(int domain, int scope, int flags, int pasid, boolean range, int page) {
            Errno errno = machine.request(
                            domain,
                            scope | (range ? Uapi.SCOPE_VADDR : 0),
                            flags,
                            pasid,
                            range ? iova(page) : 0,
                            range ? 0x1000 : 0,
                            new byte[0])
                    .errno();
            assertEquals(Errno.OK, errno, () -> machine.last().toString());
        }

        void check() {
            for (int device = 0; device < DEVICES; device++) {
                for (int pasid : PASIDS) {
                    Binding binding = bound.get(new Key(device, pasid));
                    int asked = pasid == 0 ? DmaAccess.NO_PASID : pasid;
                    for (int page = 0; page < PAGES; page++) {
                        long expected = binding == null ? -1 : target[binding.table()][page];
                        assertEquals(
                                expected,
                                read(requester(device), asked, iova(page), binding),
                                "device " + device + " PASID " + pasid);
                    }
                }
            }
        }

        private long read(int requester, int pasid, long iova, Binding binding) {
            Held key = new Held(requester, pasid, iova);
            if (deviceTlb.containsKey(key)) {
                return deviceTlb.get(key);
            }
            long spa = machine.read(requester, pasid, iova);
            if (spa != -1 && (binding.flags() & BindPgtable.DEVICE_TLB) != 0) {
                deviceTlb.put(key, spa);
            }
            return spa;
        }
    }

    @ParameterizedTest
    @CsvSource({"0x300, 0", "0x400, 1", "0x500, 0"})
    void shouldReadThroughWhatIsBoundNow(String subVersion, long cachingMode) {
        int generation = Integer.decode(subVersion);
        Property.check(6, random -> {
            HardwareConfig config = new HardwareConfig(
                    generation, Map.of("cap", Map.of("CM", cachingMode)), Map.of(), CacheConfig.WORST_CASE, Map.of());
            World world = new World(config, random);
            for (int i = 0; i < 60; i++) {
                world.step();
                world.check();
            }
        });
    }
}
