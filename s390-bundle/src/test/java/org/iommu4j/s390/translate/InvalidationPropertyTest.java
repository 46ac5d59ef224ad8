package org.iommu4j.s390.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Uapi;
import org.iommu4j.s390.Machine;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/**
 * The pages that a request refreshes, by the instructions that it comes to: exactly what was asked, in whole pages, if the
 * answer is EXACT, more if it is WIDENED, never less, never a function of another container, and nothing at all if it is
 * refused.
 */
class InvalidationPropertyTest {
    private static final long PAGE = 0x1000;

    private record Range(int index, long first, long last) {
        boolean covers(int function, long address) {
            return index == function && first <= address && address <= last;
        }
    }

    private static List<Range> refreshes(Machine machine) {
        List<Range> ranges = new ArrayList<>();
        for (String hex : machine.takeHex()) {
            assertTrue(hex.startsWith("b9d3"), hex);
            long start = Long.parseLong(hex.substring(32, 48), 16);
            long length = Long.parseLong(hex.substring(48), 16);
            ranges.add(new Range(Integer.parseInt(hex.substring(20, 24), 16), start, start + length - 1));
        }
        return ranges;
    }

    @Test
    void shouldRefreshWhatWasAskedAndNeverLess() {
        Property.check(200, random -> {
            Machine machine = Machine.of(random.nextInt(1, 6)).withFreshTables();
            machine.open(0);
            machine.open(1);
            long[][] apertures = new long[5][];
            for (int function = 1; function < 5; function++) {
                int domain = function < 4 ? 0 : 1;
                machine.attach(domain, function);
                long pba = Machine.PBA + random.nextInt(4) * PAGE;
                long pal = pba + random.nextLong(1, 64) * PAGE - 1;
                apertures[function] = new long[] {pba, pal};
                assertEquals(Errno.OK, machine.bind(domain, function, Machine.IOTA, pba, pal, 0));
            }
            machine.takeHex();
            for (int round = 0; round < 10; round++) {
                boolean range = random.nextInt(4) != 0;
                boolean aligned = random.nextBoolean();
                long first = range ? Machine.PBA + random.nextInt(70) * PAGE + (aligned ? 0 : random.nextInt(4096)) : 0;
                long size = range ? aligned ? random.nextLong(1, 20) * PAGE : random.nextLong(1, 0x8000) : 0;
                long last = first + size - 1;
                boolean inside = !range;
                for (int function = 1; function < 4; function++) {
                    inside |= apertures[function][0] <= first && last <= apertures[function][1];
                }
                int flags = random.nextBoolean() ? Uapi.FLAGS_NO_PASID : 0;
                Errno errno = machine.invalidate(0, range ? Uapi.SCOPE_VADDR : 0, flags, first, size);
                List<Range> ranges = refreshes(machine);
                assertEquals(inside ? Errno.OK : Errno.ERANGE, errno, machine.last()::toString);
                if (!inside) {
                    assertEquals(List.of(), ranges);
                    continue;
                }
                boolean exact = !range || (first % PAGE == 0 && size % PAGE == 0);
                assertEquals(
                        exact ? Fidelity.EXACT : Fidelity.WIDENED,
                        machine.last().fidelity());
                for (int function = 1; function < 5; function++) {
                    for (long page = Machine.PBA; page < Machine.PBA + 80 * PAGE; page += PAGE) {
                        int of = function;
                        long at = page;
                        boolean known = page >= apertures[function][0] && page <= apertures[function][1];
                        boolean asked = known && function < 4 && (!range || (page + PAGE - 1 >= first && page <= last));
                        assertEquals(
                                asked, ranges.stream().anyMatch(one -> one.covers(of, at)), "function " + function);
                    }
                }
            }
        });
    }
}
