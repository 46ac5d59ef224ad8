package org.iommu4j.upgrade.trace;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.CaptureRow;

/** Lines that an unchanged emulator would have written in a captured run, and an image of its memory. */
final class StockTrace {
    private final String arch;
    private final List<CaptureRow> rows;
    private final List<CaptureRow> pages;
    private final long stoppedAt;
    private final boolean old;
    private final List<String> lines = new ArrayList<>();
    private long linesBeforeStop = -1;

    /** The leaf that the hardware read last; null after a translation. */
    private Long leaf;

    private StockTrace(Path capture, boolean old) throws IOException {
        arch = capture.getParent().getFileName().toString();
        rows = CaptureFiles.read(capture, "timeline.jsonl.gz").stream()
                .map(CaptureRow::of)
                .toList();
        pages = CaptureFiles.read(capture, "frozen/pages.jsonl.gz").stream()
                .map(CaptureRow::of)
                .toList();
        String registers = Files.readString(capture.resolve("frozen/regs.json")).replaceAll("\\s", "");
        stoppedAt = CaptureRow.of(registers).number("freeze_t");
        this.old = old;
        for (CaptureRow row : rows) {
            if (row.number("t") >= stoppedAt && linesBeforeStop < 0) {
                linesBeforeStop = lines.size();
            }
            switch (arch) {
                case "vtd" -> vtd(row);
                case "smmuv3" -> smmu(row);
                default -> amd(row);
            }
        }
    }

    /** @param old true for the events of the oldest version, false for those of the newest */
    static StockTrace of(String capture, boolean old) {
        try {
            return new StockTrace(CaptureFiles.TRACES.resolve(capture), old);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The lines, to be changed. */
    List<String> lines() {
        return lines;
    }

    /** How many of them were written before the machine was stopped. */
    long linesBeforeStop() {
        return linesBeforeStop;
    }

    @SuppressWarnings("AnnotateFormatMethod") // the annotation would be a dependency for one test
    private void add(String format, Object... arguments) {
        lines.add(String.format(format, arguments));
    }

    private static String device(CaptureRow row, String format) {
        long dev = row.number("dev");
        return String.format(format, dev >> 8, dev >> 3 & 31, dev & 7);
    }

    private static long word(CaptureRow row, int index) {
        byte[] bytes = HexFormat.of().parseHex(row.text("hex"));
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(index * Long.BYTES);
    }

    private void noteLeaf(CaptureRow row) {
        if (row.text("what").equals("pte")) {
            leaf = row.list("q").get(0);
        }
    }

    private void vtd(CaptureRow row) {
        switch (row.kind()) {
            case "w" ->
                add(
                        "vtd_reg_write addr 0x%x size 0x%x value 0x%x",
                        row.number("off"), row.number("size"), row.number("val"));
            case "r" -> add("vtd_reg_read addr 0x%x size 0x%x", row.number("off"), row.number("size"));
            case "cmd" -> {
                if (!row.text("event").startsWith("pasid_cache")) {
                    add("vtd_inv_desc invalidate desc type x high 0x%x low 0x%x", word(row, 1), word(row, 0));
                }
            }
            case "mem" -> noteLeaf(row);
            case "irte" ->
                add(
                        "vtd_ir_irte_get index %d low 0x%x high 0x%x",
                        row.number("index"), row.list("q").get(0), row.list("q").get(1));
            case "xlate" -> {
                Long entry = row.has("leaf") ? Long.valueOf(row.number("leaf")) : leaf;
                if (entry != null) {
                    add(
                            "vtd_iotlb_page_%s sid 0x%x iova 0x%x %s 0x%x domain 0x%x",
                            row.text("hit").equals("true") ? "hit IOTLB page hit" : "update IOTLB page update",
                            row.number("dev"),
                            row.number("iova"),
                            old ? "slpte" : "pte",
                            entry,
                            1);
                }
                add(
                        "vtd_dmar_translate dev %s iova 0x%x -> gpa 0x%x mask 0x%x",
                        device(row, "%02x:%02x.%02x"),
                        row.number("iova") & -4096,
                        row.number("pa"),
                        row.number("mask"));
                leaf = null;
            }
            default -> add("vtd_frr_new index 0 high 0x0 low 0x0");
        }
    }

    private void smmu(CaptureRow row) {
        String sid = old ? "sid=%d" : "sid=0x%x";
        switch (row.kind()) {
            case "w", "r" ->
                add(
                        "smmuv3_%s_mmio addr: 0x%x val:0x%x size: 0x%x(0)",
                        row.kind().equals("w") ? "write" : "read",
                        row.number("off"),
                        row.number("val"),
                        row.number("size"));
            case "cmd" -> {
                add(
                        "smmuv3_cmdq_consume prod=%d cons=%d prod.wrap=0 cons.wrap=0",
                        row.number("idx") + 1, row.number("idx"));
                add("smmuv3_cmdq_opcode <--- SMMU_CMD_%s", row.text("event").replace("_OR_ALL", ""));
            }
            case "mem" -> noteLeaf(row);
            case "xlate" -> {
                if (row.text("fault").equals("disabled")) {
                    add(
                            "smmuv3_translate_disable smmuv3-iommu-memory-region-24-0 " + sid
                                    + " bypass (smmu disabled) iova:0x%x is_write=%d",
                            row.number("dev"),
                            row.number("iova"),
                            row.number("access") / 2);
                    return;
                }
                boolean hit = row.text("hit").equals("true");
                add(
                        "smmu_iotlb_%s_%s IOTLB cache %s asid=%d%s addr=0x%x hit=1 miss=1 hit rate=50",
                        old ? "cache" : "lookup",
                        hit ? "hit" : "miss",
                        hit ? "HIT" : "MISS",
                        1,
                        old ? "" : " vmid=-1",
                        row.number("iova") & -4096);
                if (leaf != null) {
                    add(
                            "smmu_ptw_page_pte stage=1 level=3 iova=0x%x base@=0x1000 pte@=0x1008 pte=0x%x page address = 0x%x",
                            row.number("iova") & -4096, leaf, row.number("pa"));
                }
                add(
                        "smmuv3_translate_success smmuv3-iommu-memory-region-24-0 " + sid
                                + " iova=0x%x translated=0x%x perm=0x%x%s",
                        row.number("dev"),
                        row.number("iova"),
                        row.number("pa"),
                        row.number("perm"),
                        old ? "" : " stage=1");
                leaf = null;
            }
            default -> throw new IllegalStateException(row.toString());
        }
    }

    private void amd(CaptureRow row) {
        switch (row.kind()) {
            case "w" ->
                add(
                        "amdvi_mmio_write AMDVI_MMIO write addr 0x%x, size %d, val 0x%x, offset 0x%x",
                        row.number("off"), row.number("size"), row.number("val"), row.number("off") & ~7);
            case "r" ->
                add(
                        "amdvi_mmio_read AMDVI_MMIO read addr 0x%x, size %d offset 0x%x",
                        row.number("off"), row.number("size"), row.number("off") & ~7);
            case "cmd" -> amdCommand(row);
            case "xlate" -> {
                String device = device(row, "%02x:%02x.%x");
                long pa = row.number("pa");
                if (row.text("hit").equals("true")) {
                    add("amdvi_iotlb_hit hit iotlb devid %s gpa 0x%x hpa 0x%x", device, row.number("iova"), pa);
                } else if (row.number("perm") != 0) {
                    add(
                            "amdvi_cache_update  update iotlb domid 0x%x devid: %s gpa 0x%x hpa 0x%x",
                            1, device, row.number("iova"), pa);
                }
                add("amdvi_translation_result devid: %s gpa 0x%x hpa 0x%x", device, row.number("iova"), pa);
            }
            case "note" -> add("amdvi_iotlb_reset IOTLB exceed size limit - reset ");
            default -> leaf = null;
        }
    }

    private void amdCommand(CaptureRow row) {
        add(
                "amdvi_command_exec command buffer head at 0x%x command buffer tail at 0x0 command buffer base at 0x0",
                row.number("idx") * 16);
        long low = word(row, 0);
        switch (row.text("event")) {
            case "COMPLETION_WAIT" ->
                add(
                        "amdvi_completion_wait completion wait requested with store address 0x%x and store data 0x%x",
                        low & 0xffffffffffff8L, word(row, 1));
            case "INVALIDATE_DEVTAB_ENTRY" ->
                add(
                        "amdvi_devtab_inval device table entry for devid: %02x:%02x.%x invalidated",
                        low >> 8 & 0xff, low >> 3 & 31, low & 7);
            case "INVALIDATE_IOMMU_PAGES" ->
                add("amdvi_pages_inval AMD-Vi pages for domain 0x%x invalidated", low >> 32 & 0xffff);
            case "INVALIDATE_INTERRUPT_TABLE" -> add("amdvi_intr_inval Interrupt table invalidated");
            case "INVALIDATE_IOMMU_ALL" -> add("amdvi_all_inval Invalidation of all AMD-Vi cache requested ");
            default -> throw new IllegalStateException(row.toString());
        }
    }

    /** Puts the thread and the time before each line. */
    void stamp(int threads) {
        for (int i = 0; i < lines.size(); i++) {
            lines.set(i, String.format("%d@1700000000.%06d:%s", 4711 + i % threads, i % 1_000_000, lines.get(i)));
        }
    }

    /** Writes the lines. */
    Path write(Path file, String end) {
        try {
            return Files.write(file, (String.join(end, lines) + end).getBytes(UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes the memory as it is, from an address on. */
    Path writeMemory(Path file, long base) {
        try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
            for (CaptureRow page : pages) {
                out.seek(page.number("pa") - base);
                out.write(HexFormat.of().parseHex(page.text("hex")));
            }
            return file;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes the memory as an ELF core, a segment for each page. */
    Path writeCore(Path file) {
        int headers = 64 + 56 * pages.size();
        ByteBuffer core = ByteBuffer.allocate(headers + 4096 * pages.size()).order(ByteOrder.LITTLE_ENDIAN);
        core.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1})
                .putLong(32, 64)
                .putShort(54, (short) 56)
                .putShort(56, (short) pages.size());
        for (int i = 0; i < pages.size(); i++) {
            int at = 64 + 56 * i;
            int data = headers + 4096 * i;
            core.putInt(at, 1)
                    .putLong(at + 8, data)
                    .putLong(at + 24, pages.get(i).number("pa"))
                    .putLong(at + 32, 4096);
            core.position(data).put(HexFormat.of().parseHex(pages.get(i).text("hex")));
        }
        try {
            return Files.write(file, core.array());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
