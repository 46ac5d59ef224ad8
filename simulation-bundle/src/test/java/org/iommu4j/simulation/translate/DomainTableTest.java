package org.iommu4j.simulation.translate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.junit.jupiter.api.Test;

class DomainTableTest {
    private final DomainTable<String> table = new DomainTable<>();
    private final Completion completion = new Completion();

    @Test
    void shouldFindWhatIsOpenAndNothingElse() {
        table.put(65_535, "last");
        table.put(0, "first");
        table.put(7, "seven");
        table.remove(7);

        assertThat(table.open()).isEqualTo(List.of("first", "last"));
        assertThat(table.find(0)).isEqualTo("first");
        assertThat(table.find(65_535)).isEqualTo("last");
        assertThat(table.find(7)).isNull();
        assertThat(table.find(-1)).isNull();
        assertThat(table.find(65_536)).isNull();
        assertThat(table.find(Integer.MIN_VALUE)).isNull();
    }

    @Test
    void shouldRefuseANumberThatIsOpenOrOutOfRange() {
        table.put(3, "three");

        assertThat(table.checkNew(4, completion)).isZero();
        assertThat(table.checkNew(65_535, completion)).isZero();
        assertThat(table.checkNew(3, completion)).isNotZero();
        assertThat(completion.errno()).isEqualTo(Errno.EEXIST);
        for (int number : new int[] {-1, 65_536, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertThat(table.checkNew(number, completion)).isNotZero();
            assertThat(completion.errno()).isEqualTo(Errno.EINVAL);
            assertThat(completion.toString()).contains("domain");
        }
    }

    @Test
    void shouldNameWhatIsMissing() {
        assertThat(DomainTable.notOpen(9, completion)).isNotZero();
        assertThat(completion.errno()).isEqualTo(Errno.ENOENT);
        assertThat(completion.toString()).contains("domain");

        assertThat(DomainTable.notAttached(-1, 8, completion)).isNotZero();
        assertThat(completion.errno()).isEqualTo(Errno.ENODEV);
        assertThat(completion.toString()).contains("requester").contains("0xffffffff");
    }
}
