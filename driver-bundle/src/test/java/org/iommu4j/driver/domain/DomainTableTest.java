package org.iommu4j.driver.domain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.List;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.junit.jupiter.api.Test;

class DomainTableTest {
    private final DomainTable<Numbered> table = new DomainTable<>();
    private final Completion completion = new Completion();

    private record Numbered(Members<String> members) implements DomainRecord<String> {
        @Override
        public void rebuild() {
            // Nothing is kept of its devices.
        }
    }

    private static Numbered domain(int number) {
        return new Numbered(new Members<>(number));
    }

    @Test
    void shouldFindWhatIsOpenAndNothingElse() {
        Numbered first = domain(0);
        Numbered last = domain(65_535);
        table.put(65_535, last);
        table.put(0, first);
        table.put(7, domain(7));
        table.remove(7);

        assertEquals(List.of(first, last), table.open());
        assertSame(first, table.find(0));
        assertSame(last, table.find(65_535));
        assertNull(table.find(7));
        assertNull(table.find(-1));
        assertNull(table.find(65_536));
        assertNull(table.find(Integer.MIN_VALUE));
    }

    @Test
    void shouldRefuseANumberThatIsOpenOrOutOfRange() {
        table.put(3, domain(3));

        assertEquals(0, table.checkNew(4, completion));
        assertEquals(0, table.checkNew(65_535, completion));
        assertNotEquals(0, table.checkNew(3, completion));
        assertEquals(Errno.EEXIST, completion.errno());
        for (int number : new int[] {-1, 65_536, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertNotEquals(0, table.checkNew(number, completion));
            assertEquals(Errno.EINVAL, completion.errno());
            assertEquals("domain", completion.field());
        }
    }
}
