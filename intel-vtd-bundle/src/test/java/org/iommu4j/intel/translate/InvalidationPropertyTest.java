package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.Machine.Words;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/**
 * What the commands of a request drop from a plain set of cached pages, told apart by domain id and page number: exactly
 * what was asked if the answer is EXACT, more if it is WIDENED, never less, and never a page of another container.
 */
class InvalidationPropertyTest {
    private static final int[] DEVICES = {0x10, 0x11, 0x12, 0x13};

    /** Pages around the ranges that are asked for. */
    private static final int PAGES = 1 << 12;

    private record Page(int domainId, long number) {}

    private static Machine machine(SplittableRandom random) {
        long mamv = random.nextInt(0, 19);
        long psi = random.nextInt(8) == 0 ? 0 : 1;
        Machine machine = Machine.of(new HardwareConfig(
                0x110, Map.of("cap", Map.of("MAMV", mamv, "PSI", psi)), Map.of(), CacheConfig.DEFAULT, Map.of()));
        // Container 0 has devices with two tables, so two domain ids; container 1 has one.
        machine.open(0);
        machine.open(1);
        for (int i = 0; i < DEVICES.length; i++) {
            int domain = i < 3 ? 0 : 1;
            machine.attach(domain, DEVICES[i]);
            int flags = random.nextBoolean() ? BindPgtable.DEVICE_TLB : 0;
            assertEquals(
                    Errno.OK, machine.bind(domain, DEVICES[i], i < 2 ? 0x10_0000 : 0x20_0000 + i * 0x1000L, flags));
        }
        machine.takeHex();
        return machine;
    }

    private static Set<Page> drop(Set<Page> cached, List<Words> commands) {
        Set<Page> left = new HashSet<>(cached);
        for (Words command : commands) {
            if (IotlbInvalidate.TYPE.get(command.low()) != 2) {
                continue;
            }
            int domainId = IotlbInvalidate.DID.getInt(command.low());
            int order = IotlbInvalidate.AM.getInt(command.high());
            boolean whole = IotlbInvalidate.G.get(command.low()) == IotlbInvalidate.DOMAIN;
            left.removeIf(page -> page.domainId() == domainId
                    && (whole || page.number() >>> order == command.high() >>> 12 >>> order));
        }
        Set<Page> dropped = new HashSet<>(cached);
        dropped.removeAll(left);
        return dropped;
    }

    @Test
    void shouldDropWhatWasAskedAndNeverLess() {
        Property.check(300, random -> {
            Machine machine = machine(random);
            Set<Page> cached = new HashSet<>();
            for (int domainId = 1; domainId <= 3; domainId++) {
                for (int i = 0; i < 400; i++) {
                    cached.add(new Page(domainId, random.nextInt(PAGES)));
                }
            }
            for (int round = 0; round < 5; round++) {
                int domain = random.nextInt(2);
                boolean range = random.nextInt(4) != 0;
                int flags = (random.nextInt(5) == 0 ? 0 : Uapi.FLAGS_NO_PASID)
                        | (range && random.nextBoolean() ? Uapi.FLAGS_VADDR_LEAF : 0);
                long first = range ? random.nextInt(PAGES) : 0;
                long pages = range ? random.nextInt(1, 1 << random.nextInt(1, 11)) : 0;
                machine.invalidate(domain, range ? Uapi.SCOPE_VADDR : 0, flags, first << 12, pages << 12);
                assertEquals(Errno.OK, machine.last().errno(), machine.last()::toString);
                List<Words> commands = machine.takeCommands();

                Set<Page> asked = new HashSet<>(cached);
                asked.removeIf(page -> (page.domainId() == 3) != (domain == 1)
                        || (range && (page.number() < first || page.number() >= first + pages)));
                Set<Page> dropped = drop(cached, commands);
                assertTrue(dropped.containsAll(asked), "never less");
                if (machine.last().fidelity() == Fidelity.EXACT) {
                    assertEquals(asked, dropped);
                }
                for (Page page : dropped) {
                    assertEquals(domain == 1, page.domainId() == 3, "nothing of another container");
                }
                assertHint(commands, (flags & Uapi.FLAGS_VADDR_LEAF) != 0);
                assertDevicesReached(machine, domain, commands, range ? first : 0, range ? first + pages - 1 : PAGES);
            }
        });
    }

    /** S15: the hint is never set unless it was asked for. */
    private static void assertHint(List<Words> commands, boolean leafOnly) {
        for (Words command : commands) {
            if (IotlbInvalidate.TYPE.get(command.low()) == 2) {
                assertTrue(leafOnly || !IotlbInvalidate.IH.isSet(command.high()));
                assertTrue(IotlbInvalidate.DR.isSet(command.low()) && IotlbInvalidate.DW.isSet(command.low()));
            }
        }
    }

    /** Every device of the container that has a TLB gets all pages, after the IOTLB commands. */
    private static void assertDevicesReached(
            Machine machine, int domain, List<Words> commands, long firstPage, long lastPage) {
        Map<Integer, Set<Long>> reached = new HashMap<>();
        boolean devices = false;
        for (Words command : commands) {
            if (IotlbInvalidate.TYPE.get(command.low()) == 3) {
                devices = true;
                int shift = DeviceTlbInvalidate.pagesShift(command.high());
                long first = DeviceTlbInvalidate.firstAddress(command.high()) >>> 12;
                Set<Long> pages =
                        reached.computeIfAbsent(DeviceTlbInvalidate.SID.getInt(command.low()), key -> new TreeSet<>());
                for (long page = firstPage; page <= lastPage; page++) {
                    if (page >>> shift == first >>> shift) {
                        pages.add(page);
                    }
                }
            } else {
                assertTrue(!devices, "IOTLB before device TLB");
            }
        }
        for (Map.Entry<Integer, Set<Long>> device : reached.entrySet()) {
            assertEquals(lastPage - firstPage + 1, device.getValue().size());
            assertEquals(domain == 1, device.getKey() == DEVICES[3], "nothing of another container");
        }
        assertTrue(machine.last().handled() == 1);
    }
}
