package org.iommu4j.shell.cli;

import java.io.PrintWriter;
import java.util.List;
import org.iommu4j.backend.Setting;

/** Prints what a configuration of a model's chips can choose: one line a name, its meaning below. */
final class SettingsTable {
    private SettingsTable() {}

    static void print(List<Setting> settings, PrintWriter out) {
        String group = null;
        for (Setting setting : settings) {
            if (!setting.group().equals(group)) {
                group = setting.group();
                out.println(group.isEmpty() ? "switches:" : "group " + group + ":");
            }
            StringBuilder line = new StringBuilder("  ").append(setting.name());
            setting.aliases().forEach(alias -> line.append(", ").append(alias));
            line.append(": ").append(setting.values());
            if (!setting.defaultsInWords().isEmpty()) {
                line.append(" (default ").append(setting.defaultsInWords()).append(')');
            }
            out.println(line);
            if (!setting.about().isEmpty()) {
                out.println("      " + setting.about());
            }
        }
    }
}
